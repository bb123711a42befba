"""One model endpoint, asked with a key that never leaves this process."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx

from daemon.broker.chunks import read_lines
from daemon.broker.faults import Fault
from daemon.broker.keys import MASK, key_of
from daemon.broker.protocols import WIRES, Wire
from daemon.broker.refusals import refusal
from daemon.core.pieces import sound
from daemon.state.settings import Model
from ops.masking import KEY_CHARS_MIN

PROBE_SECONDS = 5.0
LISTING_BYTES_MAX = 2**20
ERROR_BYTES_MAX = 2**16
NAMES_SHOWN_MAX = 5


@dataclass
class Upstream:
    """One endpoint."""

    model: Model
    key: str | None = field(repr=False)
    listed: tuple[str, ...] = ()
    contexts: dict[str, int] = field(default_factory=dict)  # as the server told
    calls: int = 0
    retired: bool = False

    @classmethod
    def open(cls, model: Model, state: Path) -> Upstream:
        return cls(model, key_of(model, state))

    @cached_property
    def http(self) -> httpx.AsyncClient:
        """Shared by all calls. What it is made of is loaded with the first: 0.1 s of each start."""
        from daemon.broker.transport import Transport

        timeout = httpx.Timeout(self.model.idle_seconds, connect=self.model.connect_seconds)
        return httpx.AsyncClient(timeout=timeout, transport=Transport(), trust_env=False)

    @property
    def wire(self) -> Wire:
        return WIRES[self.model.provider]

    def _request(self, method: str, path: str, body: Mapping[str, Any] | None) -> httpx.Request:
        url = self.wire.url(self.model.base, path)
        headers, content = self.wire.headers(self.key), None
        if body is not None:
            headers["content-type"] = "application/json"
            content = sound(json.dumps(body, ensure_ascii=False)).encode()
        try:
            return self.http.build_request(method, url, content=content, headers=headers)
        except httpx.InvalidURL as error:
            text = f"{self.model.base} is no address: {error}"
            raise Fault("model_unreachable", text, 503) from error

    async def models(self) -> list[str]:
        """The names on offer. Raises Fault."""
        request = self._request("GET", self.wire.listing, None)
        request.extensions["timeout"] = httpx.Timeout(PROBE_SECONDS).as_dict()
        try:
            answer = await self.http.send(request, stream=True)
            try:
                if answer.status_code != httpx.codes.OK:
                    raise await self._refusal(answer)
                listed = json.loads(await _bounded(answer, LISTING_BYTES_MAX))
                self.listed = tuple(self.wire.names(listed))
                told = {name: self.wire.context(listed, name) for name in self.listed}
                self.contexts |= {name: tokens for name, tokens in told.items() if tokens}
            finally:
                await answer.aclose()
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error
        except (ValueError, LookupError, TypeError, RecursionError, AttributeError) as error:
            text = f"{self.model.base} does not talk like a model server"
            raise Fault("model_rubbish", text) from error
        return list(self.listed)

    def _told(self, model: str) -> int:
        """By the setting, or what the server told so far; 0 when neither tells."""
        return self.model.context_tokens or self.contexts.get(model, 0)

    async def context(self, model: str) -> int | None:
        """How many tokens `model` takes: by the setting, the listing, or its own page."""
        if not self._told(model) and not self.listed:
            with suppress(Fault):
                await self.models()
        if self._told(model):
            return self._told(model)
        for method, path, body in self.wire.details(model):
            request = self._request(method, path, body)
            request.extensions["timeout"] = httpx.Timeout(PROBE_SECONDS).as_dict()
            with suppress(httpx.HTTPError, ValueError, LookupError, TypeError, AttributeError):
                answer = await self.http.send(request)
                if (found := self.wire.context(answer.json(), model)) is not None:
                    self.contexts[model] = found
                    return found
        return None

    async def _wanted(self, model: str) -> int:
        """The context to ask for, where a server would else cut what is too long, unseen."""
        return (await self.context(model) or 0) if self.wire.sizes else 0

    def known(self, asked: str) -> str | None:
        """The model's name, if it is one of the settings' or the listing's."""
        names = (self.model.name, *self.model.others, *self.listed)
        return asked if asked in names else self.model.name or None

    async def _allowed(self, asked: object, chosen: bool) -> str:
        """The model's name to ask for: the setting's, else one that is on offer. Raises Fault."""
        chosen = chosen or asked in self.model.others
        if self.model.name and (not chosen or asked == self.model.name):
            return self.model.name  # the setting decides, not the cell
        names = (asked, f"{asked}:latest")  # Ollama's names may go without their tag
        for found in (self.listed, await self.models() if asked not in self.listed else ()):
            for name in names:
                if name in found:
                    return str(name)
        shown = ", ".join(self.listed[:NAMES_SHOWN_MAX]) or "none"
        raise Fault("model_not_offered", f"{asked!r} is not on offer; there is: {shown}", 403)

    async def chunks(
        self, body: Mapping[str, Any], chosen: bool = False
    ) -> AsyncGenerator[dict[str, Any], None]:
        """The streamed chunks of one completion. Raises Fault, also half-way.

        `chosen` when whoever opened the door named the body's model for it.
        """
        self.calls += 1
        try:
            model = await self._allowed(body.get("model"), chosen)
            path, asked = self.wire.request({**body, "model": model}, await self._wanted(model))
            answer = await self._send(self._request("POST", path, asked))
            try:
                lines = read_lines(answer, self._secret)
                async with aclosing(self.wire.chunks(lines)) as chunks:
                    async for chunk in chunks:
                        yield chunk
            except httpx.TimeoutException as error:
                text = f"{self.model.base} was silent for {self.model.idle_seconds:g} s"
                raise Fault("model_timeout", text, 504) from error
            except httpx.HTTPError as error:
                raise Fault("model_cut", f"{self.model.base} broke off: {error}") from error
            finally:
                await answer.aclose()
        finally:
            self.calls -= 1
            await self._leave()

    async def _send(self, request: httpx.Request) -> httpx.Response:
        """An answer that is about to stream."""
        try:
            try:
                answer = await self.http.send(request, stream=True)
            except httpx.RemoteProtocolError:  # a kept connection that the server had just closed
                answer = await self.http.send(request, stream=True)
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error
        if answer.status_code == httpx.codes.OK:
            return answer
        try:
            raise await self._refusal(answer)
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error
        finally:
            await answer.aclose()

    async def retire(self) -> None:
        """No new calls come; close once those under way are over."""
        self.retired = True
        await self._leave()

    async def _leave(self) -> None:
        if self.retired and self.calls == 0 and "http" in vars(self):
            await self.http.aclose()

    async def _refusal(self, answer: httpx.Response) -> Fault:
        """What the server said, by its kind; its text is kept short, and without our key."""
        raw = await _bounded(answer, ERROR_BYTES_MAX)
        text = self._masked(raw.decode("utf-8", "replace"))
        return refusal(answer.status_code, text, answer.headers)

    def _unreachable(self, error: httpx.HTTPError) -> Fault:
        if isinstance(error, httpx.ReadTimeout):
            return Fault("model_timeout", f"{self.model.base} did not answer in time", 504)
        cause = str(error) or type(error).__name__
        text = self._masked(f"{self.model.base} cannot be reached: {cause}")
        return Fault("model_unreachable", text, 503)

    @property
    def _secret(self) -> str | None:
        return self.key if self.key and len(self.key) >= KEY_CHARS_MIN else None

    def _masked(self, text: str) -> str:
        return text.replace(self._secret, MASK) if self._secret else text


async def _bounded(answer: httpx.Response, bytes_max: int) -> bytes:
    """The answer's first bytes; what comes after is not read."""
    held = b""
    async for piece in answer.aiter_bytes():
        held += piece
        if len(held) >= bytes_max:
            break
    return held[:bytes_max]
