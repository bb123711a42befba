"""The app that every peer of the switching benchmark serves: its version, and a slow stream."""

import asyncio
from collections.abc import AsyncIterator

import httpx  # what an app that calls models imports; with Starlette about 100 ms
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route
from version import VERSION

STREAM_PIECES = 20
PIECE_SECONDS = 0.1
UPSTREAM_SECONDS = httpx.Timeout(3.0)


async def version(_: Request) -> PlainTextResponse:
    return PlainTextResponse(str(VERSION))


async def stream(_: Request) -> StreamingResponse:
    async def pieces() -> AsyncIterator[str]:
        for number in range(STREAM_PIECES):
            yield f"data: {number}\n\n"
            await asyncio.sleep(PIECE_SECONDS)
        yield "data: [DONE]\n\n"

    return StreamingResponse(pieces(), media_type="text/event-stream")


app = Starlette(routes=[Route("/", version), Route("/stream", stream)])
