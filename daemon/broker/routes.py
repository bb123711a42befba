"""The allow-list of what a cell may ask: completions, models' names, allowed pages; no more."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, aclosing
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from daemon.broker.chunks import joined
from daemon.broker.completions import Source
from daemon.broker.faults import FORBIDDEN, Fault
from ops.leaving import unless_left

BODY_BYTES_MAX = 32 * 2**20
BODIES_BYTES_MAX = 96 * 2**20  # of all calls of one cell that are under way
BODY_SECONDS_MAX = 30.0
REFUSALS_LOGGED_MAX = 100
LENGTHS = ("max_tokens", "max_completion_tokens")
LENGTH_MAX = 10_000_000  # tokens; no model writes more in one reply
log = logging.getLogger(__name__)
T = TypeVar("T")
Chunks = AsyncGenerator[dict[str, Any], None]


class Routes:
    """The ASGI application of one cell's door."""

    def __init__(self, name: str, source: Source) -> None:
        self._name = name
        self._source = source
        self._held_bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        route = scope.get("method"), scope["path"]
        request = Request(scope, receive)
        async with AsyncExitStack() as call:  # closes the upstream however the answer ends
            try:
                if route == ("POST", "/v1/chat/completions"):
                    response = await self._complete(request, call)
                elif route == ("GET", "/v1/models"):
                    response = await self._models()
                elif route == ("POST", "/web/fetch"):
                    response = await self._fetch(request, call)
                else:
                    text = f"{route[0]} {route[1]} is not open to cells"
                    raise Fault("route_refused", text, 403)
            except Fault as fault:
                response = self._refusal(fault)
            except RecursionError:
                response = self._refusal(Fault("bad_request", "it is nested too deeply", 400))
            except ClientDisconnect:
                return
            await response(scope, receive, send)

    async def _models(self) -> Response:
        names = ["recorded"] if self._source.replay else await self._source.upstream.models()
        rows = [{"id": name, "object": "model", "owned_by": "org"} for name in names]
        return JSONResponse({"object": "list", "data": rows})

    async def _complete(self, request: Request, call: AsyncExitStack) -> Response:
        """A fault before the first chunk is a status; a later one is told in the stream."""
        raw = await self._read(request, call)
        body = checked(raw)
        stream = self._source.stream(body, len(raw))
        await call.enter_async_context(aclosing(stream))
        if not body.get("stream"):
            return JSONResponse(joined(await unless_left(request, _all(stream))))
        first = await unless_left(request, _first(stream))
        return StreamingResponse(sse(first, stream), media_type="text/event-stream")

    async def _fetch(self, request: Request, call: AsyncExitStack) -> Response:
        """A page of the web, from places that were allowed."""
        try:
            url = json.loads(await self._read(request, call))["url"]
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            raise Fault("bad_request", "the body has no url", 400) from error
        return JSONResponse(await unless_left(request, self._source.upstream.web.fetch(str(url))))

    async def _read(self, request: Request, call: AsyncExitStack) -> bytes:
        """The body; it counts against the cell's share until the call is over."""
        held = bytearray()
        call.callback(lambda: self._hold(-len(held)))
        try:
            async with asyncio.timeout(BODY_SECONDS_MAX):
                async for piece in request.stream():
                    held += piece
                    self._hold(len(piece))
                    if len(held) > BODY_BYTES_MAX:
                        raise Fault("body_too_large", f"more than {BODY_BYTES_MAX} bytes", 413)
        except TimeoutError as error:
            text = f"the request was not there after {BODY_SECONDS_MAX:g} s"
            raise Fault("request_timeout", text, 408) from error
        return bytes(held)

    def _hold(self, more: int) -> None:
        self._held_bytes += more
        if more > 0 and self._held_bytes > BODIES_BYTES_MAX:
            text = f"requests under way hold more than {BODIES_BYTES_MAX} bytes"
            raise Fault("body_too_large", text, 413)

    def _refusal(self, fault: Fault) -> JSONResponse:
        if fault.code in FORBIDDEN:
            self._source.meter.refused += 1
            if self._source.meter.refused <= REFUSALS_LOGGED_MAX:
                log.warning("cell %s was refused: %s %r", self._name, fault.code, fault.said)
        return JSONResponse(fault.as_json(), status_code=fault.status, headers=fault.headers())


def checked(raw: bytes) -> dict[str, Any]:
    """The request as an object. Raises Fault for anything else, before it costs anything."""
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise Fault("bad_request", "the body is no JSON", 400) from error
    if not isinstance(body, dict) or not isinstance(body.get("messages"), list):
        raise Fault("bad_request", "the body has no list of messages", 400)
    if not all(_is_message(message) for message in body["messages"]):
        raise Fault("bad_request", "a message makes no sense", 400)
    if body.get("n") not in (None, 1):
        raise Fault("bad_request", "n is more than one reply", 400)
    return _with_one_length(body)


def _with_one_length(body: dict[str, Any]) -> dict[str, Any]:
    """However it was limited, the strictest is what is reserved and what is asked for.

    -1 is some clients' word for no limit. Raises Fault.
    """
    given = {name: body[name] for name in LENGTHS if body.get(name) not in (None, -1)}
    if not all(type(one) is int and 0 < one <= LENGTH_MAX for one in given.values()):
        text = f"{' and '.join(given)} must be a whole number from 1 to {LENGTH_MAX}"
        raise Fault("bad_request", text, 400)
    rest = {name: value for name, value in body.items() if name not in LENGTHS}
    return rest | ({min(given, key=lambda name: given[name]): min(given.values())} if given else {})


def _is_message(message: object) -> bool:
    if not isinstance(message, dict):
        return False
    calls = message.get("tool_calls") or []
    return isinstance(calls, list) and all(
        isinstance(call, dict) and isinstance(call.get("function"), dict) for call in calls
    )


async def _first(stream: Chunks) -> dict[str, Any] | None:
    return await anext(stream, None)


async def _all(stream: Chunks) -> list[dict[str, Any]]:
    return [chunk async for chunk in stream]


async def sse(first: dict[str, Any] | None, rest: Chunks) -> AsyncIterator[bytes]:
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
