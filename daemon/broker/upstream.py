"""The model endpoint, asked with keys that never leave this process."""

from __future__ import annotations

import json
import os
import stat
import tomllib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from daemon.state.settings import Model
from ops.errors import Refused

PROBE_SECONDS = 5.0
REPLY_BYTES_MAX = 64 * 2**20
CONNECTIONS_MAX = 64
KEYS = "keys.toml"
DATA = "data:"
DONE = "[DONE]"


class Fault(Exception):
    """The model did not answer as it should; `code` is what clients can tell it by."""

    def __init__(self, code: str, said: str, status: int = 502) -> None:
        super().__init__(said)
        self.code = code
        self.said = said
        self.status = status

    def as_json(self) -> dict[str, Any]:
        return {"error": {"message": self.said, "type": "upstream_error", "code": self.code}}


def key_of(model: Model, state: Path) -> str | None:
    """From the environment, else from state/keys.toml, which only its owner may read."""
    if found := os.environ.get(model.key_variable):
        return found
    path = state / KEYS
    if not path.exists():
        return None
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise Refused(f"{path} can be read by others", f"chmod 600 {path}")
    return tomllib.loads(path.read_text()).get(model.key_variable)


@dataclass
class Upstream:
    """One endpoint; `http` is shared by all calls."""

    model: Model
    key: str | None
    http: httpx.AsyncClient

    @classmethod
    def open(cls, model: Model, key: str | None) -> Upstream:
        limits = httpx.Limits(max_connections=CONNECTIONS_MAX)
        timeout = httpx.Timeout(model.idle_seconds, connect=model.connect_seconds)
        client = httpx.AsyncClient(timeout=timeout, limits=limits, trust_env=False)
        return cls(model, key, client)

    def _url(self, path: str) -> str:
        base = self.model.base.rstrip("/")
        return f"{base}{path}" if base.endswith("/v1") else f"{base}/v1{path}"

    def _headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.key}"} if self.key else {}

    async def models(self, seconds: float | None = None) -> list[str]:
        """The names on offer. Raises Fault."""
        try:
            answer = await self.http.get(
                self._url("/models"), headers=self._headers(), timeout=seconds or PROBE_SECONDS
            )
            found = answer.raise_for_status().json()["data"]
            return [str(row["id"]) for row in found]
        except httpx.HTTPStatusError as error:
            text = f"{self.model.base} answered {error.response.status_code}"
            raise Fault("model_refused", text) from error
        except httpx.HTTPError as error:
            raise unreachable(self.model.base, error) from error
        except (ValueError, LookupError, TypeError) as error:
            text = f"{self.model.base} does not talk like a model server"
            raise Fault("model_rubbish", text) from error

    async def chunks(self, body: Mapping[str, Any]) -> AsyncIterator[dict[str, Any]]:
        """The streamed chunks of one completion. Raises Fault, also half-way."""
        request = self.http.build_request(
            "POST", self._url("/chat/completions"), json=dict(body), headers=self._headers()
        )
        try:
            answer = await self.http.send(request, stream=True)
        except httpx.HTTPError as error:
            raise unreachable(self.model.base, error) from error
        try:
            if answer.status_code != httpx.codes.OK:
                raise await _refusal(answer)
            async for chunk in _events(answer):
                yield chunk
        except httpx.TimeoutException as error:
            text = f"{self.model.base} was silent for {self.model.idle_seconds:g} s"
            raise Fault("model_timeout", text, 504) from error
        except httpx.HTTPError as error:
            raise Fault("model_cut", f"{self.model.base} broke off: {error}") from error
        finally:
            await answer.aclose()

    async def close(self) -> None:
        await self.http.aclose()


def unreachable(base: str, error: httpx.HTTPError) -> Fault:
    if isinstance(error, httpx.TimeoutException):
        return Fault("model_timeout", f"{base} did not answer in time", 504)
    return Fault("model_unreachable", f"{base} cannot be reached: {error}", 503)


async def _refusal(answer: httpx.Response) -> Fault:
    """What the server said, by its kind; its text is kept short and never holds our key."""
    text = (await answer.aread())[:500].decode("utf-8", "replace")
    codes = {401: "model_auth", 403: "model_auth", 429: "model_rate_limit"}
    code = codes.get(answer.status_code, "model_refused")
    status = answer.status_code if answer.status_code in (400, 404, 429) else 502
    return Fault(code, f"the model server answered {answer.status_code}: {text}", status)


async def _events(answer: httpx.Response) -> AsyncIterator[dict[str, Any]]:
    """Server-sent data objects until [DONE]. Raises Fault when it is something else, or cut."""
    size, done = 0, False
    async for line in answer.aiter_lines():
        size += len(line)
        if size > REPLY_BYTES_MAX:
            raise Fault("model_rubbish", "the model's reply is endless")
        if not line.startswith(DATA):
            if line.strip() and not line.startswith((":", "event:", "id:", "retry:")):
                raise Fault("model_rubbish", "the model server did not answer with a stream")
            continue
        data = line.removeprefix(DATA).strip()
        if data == DONE:
            done = True
            break
        yield _parsed(data)
    if not done:
        raise Fault("model_cut", "the model's stream ended before it was done")


def _parsed(data: str) -> dict[str, Any]:
    try:
        chunk = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Fault("model_rubbish", "the model server sent a chunk that is no JSON") from error
    if not isinstance(chunk, dict):
        raise Fault("model_rubbish", "the model server sent a chunk that is no object")
    if "error" in chunk:
        raise Fault("model_refused", f"the model server said: {str(chunk['error'])[:300]}")
    return chunk
