"""Model calls, passed through to the broker's socket: the only way out of the cell."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import structlog
from starlette.background import BackgroundTask
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from daemon.orchestrator.bodies import Wrong, check_completion, error, read_json

IDLE_SECONDS = 180.0
CONNECT_SECONDS = 3.0
CONNECTIONS_MAX = 128
GONE = 499  # heard by nobody: the client left before its answer
BROKE_OFF = {"message": "the broker broke off", "type": "server_error", "code": "model_cut"}
CUT = b"\n\ndata: " + json.dumps({"error": BROKE_OFF | {"param": None}}).encode() + b"\n\n"
log = structlog.get_logger()


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
            answer = await self._asked(request, body)
        except Wrong as wrong:
            return wrong.answer()
        except ClientDisconnect:
            return Response(status_code=GONE)
        except httpx.HTTPError:
            return error("the broker does not answer", "model_unreachable", 503)
        kind = answer.headers.get("content-type", "application/json")
        # A client that leaves before the first piece leaves a generator that never began.
        freed = BackgroundTask(answer.aclose)
        return StreamingResponse(_passed(answer), answer.status_code, None, kind, freed)

    async def _asked(self, request: Request, body: dict[str, Any]) -> httpx.Response:
        """The head of the answer. Raises ClientDisconnect when nobody waits for it any more."""
        asked = self._client().build_request("POST", "/v1/chat/completions", json=body)
        sending = asyncio.create_task(self._client().send(asked, stream=True))
        leaving = asyncio.create_task(_left(request))
        try:
            await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if not sending.done():
                raise ClientDisconnect
            return sending.result()
        finally:
            leaving.cancel()
            sending.cancel()

    async def close(self) -> None:
        if self._http is not None:
            await self._http.aclose()


async def _left(request: Request) -> None:
    """Returns when the client has gone; its body was read before."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _passed(answer: httpx.Response) -> AsyncIterator[bytes]:
    """Piece by piece; a client that goes away closes the upstream with it.

    A stream that breaks off says so in its own words; any other answer is cut, for
    half of it must not look like a whole.
    """
    try:
        async for piece in answer.aiter_raw():
            yield piece
    except httpx.HTTPError:
        log.warning("the broker broke off", status=answer.status_code)
        if "event-stream" not in answer.headers.get("content-type", ""):
            raise
        yield CUT
    finally:
        await answer.aclose()
