"""The model endpoint, asked with keys that never leave this process."""

from __future__ import annotations

import json
import os
import stat
import tomllib
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from daemon.broker.chunks import events
from daemon.broker.faults import Fault
from daemon.state.settings import Model
from ops.errors import Refused

PROBE_SECONDS = 5.0
LISTING_BYTES_MAX = 2**20
ERROR_BYTES_MAX = 2**16
ERROR_CHARS_MAX = 500
NAMES_SHOWN_MAX = 5
KEYS = "keys.toml"
MASK = "[key]"
SECRET_CHARS_MIN = 16  # local servers are often given a word for a key, which is no secret
# What a refusing server means; all others are `model_refused`.
CODES = {
    401: "model_auth",
    403: "model_auth",
    429: "model_rate_limit",
    502: "model_overloaded",
    503: "model_overloaded",
    504: "model_overloaded",
    529: "model_overloaded",
}
PASSED_ON = frozenset([400, 404, 429, 503])


def key_of(model: Model, state: Path) -> str | None:
    """From the environment, else from state/keys.toml, which only its owner may read."""
    found = os.environ.get(model.key_variable) or _key_in(state / KEYS, model.key_variable)
    if not isinstance(found, str) or not found.strip():
        return None
    key = found.strip()
    if not (key.isascii() and key.isprintable()):  # a header cannot hold it
        raise Refused(f"the key {model.key_variable} is not plain text", "set it anew")
    return key


def _key_in(path: Path, name: str) -> object:
    if not path.exists():
        return None
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise Refused(f"{path} can be read by others", f"chmod 600 {path}")
    try:
        return tomllib.loads(path.read_text(encoding="utf-8")).get(name)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Refused(f"{path} is no TOML", f'write it as: {name} = "…"') from error


@dataclass
class Upstream:
    """One endpoint; `http` is shared by all calls."""

    model: Model
    key: str | None = field(repr=False)
    http: httpx.AsyncClient
    listed: tuple[str, ...] = ()
    calls: int = 0
    retired: bool = False

    @classmethod
    def open(cls, model: Model, key: str | None) -> Upstream:
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=32)
        timeout = httpx.Timeout(model.idle_seconds, connect=model.connect_seconds)
        client = httpx.AsyncClient(timeout=timeout, limits=limits, trust_env=False)
        return cls(model, key, client)

    def _request(self, method: str, path: str, body: Mapping[str, Any] | None) -> httpx.Request:
        base = self.model.base.rstrip("/")
        url = f"{base}{path}" if base.endswith("/v1") else f"{base}/v1{path}"
        headers = {"authorization": f"Bearer {self.key}"} if self.key else {}
        try:
            return self.http.build_request(method, url, json=body, headers=headers)
        except httpx.InvalidURL as error:
            text = f"{self.model.base} is no address: {error}"
            raise Fault("model_unreachable", text, 503) from error

    async def models(self) -> list[str]:
        """The names on offer. Raises Fault."""
        request = self._request("GET", "/models", None)
        request.extensions["timeout"] = httpx.Timeout(PROBE_SECONDS).as_dict()
        try:
            answer = await self.http.send(request, stream=True)
            try:
                if answer.status_code != httpx.codes.OK:
                    raise await self._refusal(answer)
                rows = json.loads(await _bounded(answer, LISTING_BYTES_MAX))["data"]
                self.listed = tuple(str(row["id"]) for row in rows)
            finally:
                await answer.aclose()
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            text = f"{self.model.base} does not talk like a model server"
            raise Fault("model_rubbish", text) from error
        return list(self.listed)

    async def _allowed(self, asked: object, chosen: bool) -> str:
        """The model's name to ask for: the setting's, else one that is on offer. Raises Fault."""
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
            request = self._request("POST", "/chat/completions", {**body, "model": model})
            answer = await self._send(request)
            try:
                async for chunk in events(answer, self._secret):
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
        if self.retired and self.calls == 0:
            await self.http.aclose()

    async def _refusal(self, answer: httpx.Response) -> Fault:
        """What the server said, by its kind; its text is kept short, and without our key."""
        raw = await _bounded(answer, ERROR_BYTES_MAX)
        text = self._masked(raw.decode("utf-8", "replace"))[:ERROR_CHARS_MAX]
        status = answer.status_code
        said = f"the model server answered {status}: {text}"
        code = CODES.get(status, "model_refused")
        return Fault(code, said, status if status in PASSED_ON else 502)

    def _unreachable(self, error: httpx.HTTPError) -> Fault:
        if isinstance(error, httpx.ReadTimeout):
            return Fault("model_timeout", f"{self.model.base} did not answer in time", 504)
        cause = str(error) or type(error).__name__
        text = self._masked(f"{self.model.base} cannot be reached: {cause}")
        return Fault("model_unreachable", text, 503)

    @property
    def _secret(self) -> str | None:
        return self.key if self.key and len(self.key) >= SECRET_CHARS_MIN else None

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
