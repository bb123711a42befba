"""One unix socket a cell: whoever speaks through it is that cell, whatever it says of itself."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from uvicorn import Config
from uvicorn.server import ServerState

from daemon.broker.completions import Source, joined
from daemon.broker.upstream import Fault
from ops.sockets import bind_unix

BODY_BYTES_MAX = 32 * 2**20
BACKLOG = 128
SOCKET = "broker.sock"
JSON_DEPTH_MAX = 64
log = logging.getLogger(__name__)


@dataclass
class Door:
    """An open door: its socket's server, and where its answers come from."""

    source: Source
    path: Path
    server: asyncio.Server
    state: ServerState

    async def close(self) -> None:
        self.server.close()
        for connection in list(self.state.connections):
            connection.shutdown()
        self.path.unlink(missing_ok=True)
        self.source.close()


async def open_door(directory: Path, source: Source) -> Door:
    """Listen at <directory>/broker.sock; any user inside the cell may connect."""
    path = directory / SOCKET
    bound = bind_unix(path, 0o666)
    config = Config(application(source), log_config=None, access_log=False, lifespan="off")
    config.load()
    state = ServerState()

    def protocol() -> asyncio.Protocol:
        made: asyncio.Protocol = config.http_protocol_class(  # type: ignore[call-arg]
            config=config, server_state=state, app_state={}
        )
        return made

    loop = asyncio.get_running_loop()
    server = await loop.create_unix_server(protocol, sock=bound, backlog=BACKLOG)
    return Door(source, path, server, state)


def application(source: Source) -> Starlette:
    """The allow-list of routes; all others are refused."""

    async def models(_: Request) -> Response:
        try:
            names = ["recorded"] if source.replay else await source.upstream.models()
        except Fault as fault:
            return refusal(fault)
        rows = [{"id": name, "object": "model", "owned_by": "org"} for name in names]
        return JSONResponse({"object": "list", "data": rows})

    async def complete(request: Request) -> Response:
        try:
            body = await read_body(request)
            source.admit()
            stream = source.stream(body)
            first = await anext(stream, None)  # a fault before the first chunk is a status
        except Fault as fault:
            return refusal(fault)
        if body.get("stream"):
            return StreamingResponse(sse(first, stream), media_type="text/event-stream")
        try:
            rest = [chunk async for chunk in stream]
        except Fault as fault:
            return refusal(fault)
        return JSONResponse(joined([first, *rest] if first else rest))

    async def other(request: Request) -> Response:
        text = f"{request.method} {request.url.path} is not open to cells"
        return refusal(Fault("route_refused", text, 403))

    methods = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"]
    return Starlette(
        routes=[
            Route("/v1/models", models, methods=["GET"]),
            Route("/v1/chat/completions", complete, methods=["POST"]),
            Route("/{path:path}", other, methods=methods),
        ]
    )


async def read_body(request: Request) -> dict[str, Any]:
    """The request as an object. Raises Fault for anything else, before it costs anything."""
    held = bytearray()
    async for piece in request.stream():
        held += piece
        if len(held) > BODY_BYTES_MAX:
            raise Fault("body_too_large", f"more than {BODY_BYTES_MAX} bytes", 413)
    try:
        body = json.loads(bytes(held))
    except (ValueError, RecursionError) as error:
        raise Fault("bad_request", "the body is no JSON", 400) from error
    if not isinstance(body, dict) or not isinstance(body.get("messages"), list):
        raise Fault("bad_request", "the body has no list of messages", 400)
    if not all(isinstance(message, dict) for message in body["messages"]):
        raise Fault("bad_request", "a message is no object", 400)
    return body


async def sse(
    first: dict[str, Any] | None, rest: AsyncIterator[dict[str, Any]]
) -> AsyncIterator[bytes]:
    """Chunks as they come; a stream that breaks says so and ends without [DONE]."""
    try:
        if first is not None:
            yield b"data: " + json.dumps(first).encode() + b"\n\n"
        async for chunk in rest:
            yield b"data: " + json.dumps(chunk).encode() + b"\n\n"
    except Fault as fault:
        yield b"data: " + json.dumps(fault.as_json()).encode() + b"\n\n"
        return
    yield b"data: [DONE]\n\n"


def refusal(fault: Fault) -> JSONResponse:
    return JSONResponse(fault.as_json(), status_code=fault.status)
