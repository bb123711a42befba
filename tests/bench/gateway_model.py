"""A model server that costs as little as possible: one stream of five chunks, always the same.

python -m tests.bench.gateway_model PORT_FD
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from typing import Any

WORDS = ("one ", "two ", "three")
HEAD = {"id": "x", "object": "chat.completion.chunk", "created": 0, "model": "bench"}
USAGE = {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}


def _event(row: dict[str, Any]) -> bytes:
    data = b"data: " + json.dumps(row).encode() + b"\n\n"
    return b"%x\r\n%s\r\n" % (len(data), data)


def _delta(**what: Any) -> dict[str, Any]:
    finish = what.pop("finish", None)
    return {**HEAD, "choices": [{"index": 0, "delta": what, "finish_reason": finish}]}


STREAM = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    + b"".join(_event(_delta(content=word)) for word in WORDS)
    + _event(_delta(finish="stop"))
    + _event({**HEAD, "choices": [], "usage": USAGE})
    + b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"
)
LIST = json.dumps({"object": "list", "data": [{"id": "bench", "object": "model"}]}).encode()
MODELS = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s"


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Requests on one connection, until it closes."""
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            if b"content-length:" in head:
                await reader.readexactly(int(head.split(b"content-length:")[1].split(b"\r\n")[0]))
            writer.write(MODELS % (len(LIST), LIST) if head.startswith(b"get") else STREAM)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def main(descriptor: int) -> None:
    own = socket.socket(fileno=descriptor)
    server = await asyncio.start_server(answer, sock=own)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
