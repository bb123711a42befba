"""Model calls, passed through to the broker's socket: the only way out of the cell."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from daemon.orchestrator.bodies import Wrong, check_completion, error, read_json

IDLE_SECONDS = 180.0
CONNECT_SECONDS = 3.0
CONNECTIONS_MAX = 128


class Models:
    """A client of the broker, made at the first call."""

    def __init__(self, socket: str | None) -> None:
        self._socket = socket
        self._http: httpx.AsyncClient | None = None

    def _client(self) -> httpx.AsyncClient:
        if self._socket is None:
            raise Wrong("this process has no broker", "model_unreachable", 503)
        if self._http is None:
            limits = httpx.Limits(max_connections=CONNECTIONS_MAX)
            way = httpx.AsyncHTTPTransport(uds=self._socket, limits=limits)
            timeout = httpx.Timeout(IDLE_SECONDS, connect=CONNECT_SECONDS)
            self._http = httpx.AsyncClient(
                transport=way, timeout=timeout, base_url="http://broker", trust_env=False
            )
        return self._http

    async def list(self, _: Request) -> Response:
        try:
            answer = await self._client().get("/v1/models")
            return JSONResponse(answer.json(), status_code=answer.status_code)
        except Wrong as wrong:
            return wrong.answer()
        except (httpx.HTTPError, ValueError):
            return error("the broker does not answer", "model_unreachable", 503)

    async def complete(self, request: Request) -> Response:
        try:
            body = check_completion(await read_json(request))
            sent = self._client().build_request("POST", "/v1/chat/completions", json=body)
            answer = await self._client().send(sent, stream=True)
        except Wrong as wrong:
            return wrong.answer()
        except httpx.HTTPError:
            return error("the broker does not answer", "model_unreachable", 503)
        kind = answer.headers.get("content-type", "application/json")
        return StreamingResponse(_passed(answer), answer.status_code, media_type=kind)

    async def close(self) -> None:
        if self._http is not None:
            await self._http.aclose()


async def _passed(answer: httpx.Response) -> AsyncIterator[bytes]:
    """Piece by piece; a client that goes away closes the upstream with it."""
    try:
        async for piece in answer.aiter_raw():
            yield piece
    except httpx.HTTPError:
        yield b'data: {"error": {"message": "the broker broke off", "code": "model_cut"}}\n\n'
    finally:
        await answer.aclose()
