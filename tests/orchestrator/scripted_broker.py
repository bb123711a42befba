"""A broker on a unix socket that says exactly what the test tells it to, when it tells it to."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer
from typing import Any

from tests.serving import Handler, serving

SECONDS = 20.0
DONE = b"data: [DONE]\n\n"


class Answering(Handler):
    """One request; `play` of the server decides what becomes of it."""

    protocol_version = "HTTP/1.1"
    server: ScriptedBroker

    def do_GET(self) -> None:
        self.asked = {}
        self.close_connection = True
        self.server.play(self)

    def do_POST(self) -> None:
        self.asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.close_connection = True
        self.server.play(self)

    def head(self, status: int = 200, kind: str = "text/event-stream", **more: str) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        for name, value in more.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()

    def piece(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def delta(self, text: str) -> None:
        self.piece(b"data: " + json.dumps(delta(text)).encode() + b"\n\n")

    def done(self) -> None:
        self.piece(DONE)
        self.piece(b"")

    def until_gone(self) -> None:
        """Until the orchestrator closes its end."""
        self.connection.settimeout(SECONDS)
        assert self.connection.recv(1) == b""
        self.server.gone.set()

    def address_string(self) -> str:
        return "orchestrator"


def delta(text: str) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]}


class ScriptedBroker(ThreadingMixIn, UnixStreamServer):
    daemon_threads = True

    def __init__(self, path: Path, play: Callable[[Answering], None]) -> None:
        super().__init__(str(path), Answering)
        self.play = play
        self.path = str(path)
        self.gone = threading.Event()


@contextmanager
def scripted_broker(path: Path, play: Callable[[Answering], None]) -> Iterator[ScriptedBroker]:
    broker = ScriptedBroker(path, play)
    with serving(broker):
        yield broker
