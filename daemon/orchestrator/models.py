"""Model calls, passed through to the broker's socket: the only way out of the cell."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from typing import Any

import structlog
from starlette.background import BackgroundTask
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse

from daemon.orchestrator.bodies import Wrong
from daemon.orchestrator.broker import Broken, Broker, Reply
from daemon.orchestrator.usage import one_usage
from ops.leaving import left

BROKE_OFF = {"message": "the broker broke off", "type": "server_error", "code": "model_cut"}
CUT = b"\n\ndata: " + json.dumps({"error": BROKE_OFF | {"param": None}}).encode() + b"\n\n"
COMPLETIONS = "/v1/chat/completions"
UNOFFERED = 403  # the broker's status for a model that is not on offer, among other things
log = structlog.get_logger()
Body = dict[str, Any]


class Models:
    """A client of the broker."""

    def __init__(self, socket: str | None) -> None:
        self._broker = Broker(socket) if socket else None

    async def names(self) -> tuple[int, Body]:
        """Status and body of the broker's list of models. Raises Wrong."""
        try:
            reply = await self._there().send("GET", "/v1/models")
            try:
                return reply.status, json.loads(await reply.body())
            finally:
                reply.close()
        except (Broken, ValueError) as none:
            raise _silent() from none

    def _there(self) -> Broker:
        if self._broker is None:
            raise Wrong("this process has no broker", "model_unreachable", 503)
        return self._broker

    async def complete(self, request: Request, asked: Body) -> Response:
        """The broker's own answers are passed on, whatever they are. Raises Wrong."""
        try:
            reply = await self._asked(request, COMPLETIONS, json.dumps(asked).encode())
            if reply.status == UNOFFERED:
                return await _refused(reply)
        except Broken as none:
            raise _silent() from none
        streams = "event-stream" in reply.kind
        pieces = _passed(reply, streams)
        tidy = streams and not (asked.get("stream_options") or {}).get("include_usage")
        pieces = one_usage(pieces) if tidy else pieces
        # A client that leaves before the first piece leaves a generator that never began.
        freed = BackgroundTask(_close, reply)
        again = {"retry-after": reply.retry_after} if reply.retry_after else None
        return StreamingResponse(pieces, reply.status, again, reply.kind, freed)

    async def _asked(self, request: Request, path: str, body: bytes) -> Reply:
        """The head of the answer. Raises ClientDisconnect when nobody waits for it any more."""
        sending = asyncio.create_task(self._there().send("POST", path, body))
        leaving = asyncio.create_task(left(request))
        try:
            await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if not sending.done():
                raise ClientDisconnect
            return sending.result()
        finally:
            leaving.cancel()
            sending.cancel()

    async def ask(self, body: Body) -> Reply:
        """A completion for org's own agents; whoever asks closes it. Raises Wrong."""
        try:
            return await self._there().send("POST", COMPLETIONS, json.dumps(body).encode())
        except Broken as none:
            raise _silent() from none

    def close(self) -> None:
        if self._broker is not None:
            self._broker.close()


def _silent() -> Wrong:
    return Wrong("the broker does not answer", "model_unreachable", 503)


def refusal(fault: Mapping[str, Any], reply: Reply) -> Wrong:
    """What the broker refused, in the words that OpenAI's clients know."""
    said, code = str(fault["message"]), str(fault["code"])
    if code == "model_not_offered":
        return Wrong(said, "model_not_found", 404, "model")
    wrong = Wrong(said, code, reply.status)
    wrong.retry_after = reply.retry_after
    return wrong


async def _refused(reply: Reply) -> Response:
    """Raises Wrong when it is the model that there is not."""
    try:
        body = await reply.body()
    finally:
        reply.close()
    with suppress(ValueError, LookupError, TypeError):
        wrong = refusal(json.loads(body)["error"], reply)
        if wrong.status != reply.status:
            raise wrong
    return Response(body, reply.status, media_type=reply.kind)


async def _close(reply: Reply) -> None:
    reply.close()


async def _passed(reply: Reply, streams: bool) -> AsyncIterator[bytes]:
    """Piece by piece; a client that goes away closes the upstream with it.

    A stream that breaks off says so in its own words; any other answer is cut, for
    half of it must not look like a whole.
    """
    try:
        async for piece in reply.pieces():
            yield piece
    except Broken:
        log.warning("the broker broke off", status=reply.status)
        if not streams:
            raise
        yield CUT
