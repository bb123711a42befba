"""A bare pass-through, as people write it in an afternoon: starlette, and httpx to the model.

python -m tests.bench.gateway_bare LISTENING_FD MODEL_URL
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

CHAT = "/v1/chat/completions"


def app(model: str) -> Starlette:
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=32)
    client = httpx.AsyncClient(base_url=model, limits=limits, trust_env=False, timeout=60)

    async def passed(request: Request) -> StreamingResponse:
        asked = client.build_request("POST", CHAT, content=await request.body())
        reply = await client.send(asked, stream=True)

        async def pieces() -> AsyncIterator[bytes]:
            async for piece in reply.aiter_raw():
                yield piece
            await reply.aclose()

        return StreamingResponse(pieces(), media_type="text/event-stream")

    return Starlette(routes=[Route(CHAT, passed, methods=["POST"])])


if __name__ == "__main__":
    config = uvicorn.Config(app(sys.argv[2]), fd=int(sys.argv[1]), log_level="warning")
    uvicorn.Server(config).run()
