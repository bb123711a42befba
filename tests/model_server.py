"""A model server whose replies are written beforehand; it speaks OpenAI's streaming protocol."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from typing import Any

from tests.serving import Handler, serving

PIECE_CHARS = 24
HOLD_SECONDS = 30.0


def say(content: str = "", **calls: dict[str, Any]) -> dict[str, Any]:
    """One reply: text, and calls as tool=arguments; `tool__2` is the same tool once more.

    With an event as its `hold`, a reply stops after its first piece until that is set.
    """
    named = [(name.split("__")[0], arguments) for name, arguments in calls.items()]
    return {"content": content, "calls": named}


def slowly(seconds: float, reply: dict[str, Any]) -> dict[str, Any]:
    """The same reply with a pause after each chunk, as a real model makes."""
    return reply | {"pause": seconds}


def chunks(reply: dict[str, Any], model: str = "scripted") -> Iterator[dict[str, Any]]:
    """The reply as a server streams it: text in pieces, arguments in halves, usage last."""
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 0, "model": model}

    def delta(**what: Any) -> dict[str, Any]:
        return {**head, "choices": [{"index": 0, "delta": what, "finish_reason": None}]}

    text = reply["content"]
    for at in range(0, len(text), PIECE_CHARS):
        yield delta(content=text[at : at + PIECE_CHARS])
    for index, (name, arguments) in enumerate(reply["calls"]):
        whole = json.dumps(arguments)
        half = len(whole) // 2
        first = {"name": name, "arguments": whole[:half]}
        yield delta(
            tool_calls=[
                {"index": index, "id": f"call_{index}", "type": "function", "function": first}
            ]
        )
        yield delta(tool_calls=[{"index": index, "function": {"arguments": whole[half:]}}])
    finish = "tool_calls" if reply["calls"] else "stop"
    yield {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": finish}]}
    usage = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}
    yield {**head, "choices": [], "usage": usage}


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, replies: Sequence[Any], models: Sequence[str], port: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.models = models
        self.replies = list(replies)
        self.asked: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.away = threading.Event()  # set: it answers nobody well
        self.missed = threading.Event()  # set: somebody asked meanwhile


class _Handler(Handler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        if self.server.away.is_set():
            self.server.missed.set()
            self.send(503, b"{}")
            return
        rows = [{"id": name, "object": "model"} for name in self.server.models]
        body = json.dumps({"object": "list", "data": rows})
        self.send(200, body.encode())

    def do_POST(self) -> None:
        size = int(self.headers["content-length"])
        asked = json.loads(self.rfile.read(size))
        self.server.asked.append(asked)
        self.server.headers.append(dict(self.headers.items()))
        if not self.server.replies:
            self.send(500, b'{"error": {"message": "the script is over"}}')
            return
        reply = self.server.replies.pop(0)
        if callable(reply):  # made of what is asked
            reply = reply(asked)
        if isinstance(reply, bytes):  # sent as it is: for streams that are broken
            self.send(200, reply, "text/event-stream")
            return
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        for chunk in chunks(reply):
            self.wfile.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")
            self.wfile.flush()
            threading.Event().wait(reply.get("pause", 0.0))
            if isinstance(reply.get("hold"), threading.Event):
                reply["hold"].wait(HOLD_SECONDS)
        self.wfile.write(b"data: [DONE]\n\n")
        self.close_connection = True


@contextmanager
def scripted_model(
    replies: Sequence[Any], models: Sequence[str] = ("scripted",), port: int = 0
) -> Iterator[_Server]:
    """A running server; `.server_address` tells where, `.asked` what it was asked."""
    server = _Server(replies, models, port)
    with serving(server):
        yield server
