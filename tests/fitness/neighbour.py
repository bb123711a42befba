"""A served process for the gates that compare: it answers well, unless it is told not to.

python neighbour.py FAULTS     with its listening socket as descriptor 3
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

from ops.processes import Child, spawn

LISTENING_FD = 3
Faults = Mapping[str, Any]  # of its answers, its memory, its temper; see Handler


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer is one packet; two would wait for each other
    faults: ClassVar[Faults] = {}
    kept: ClassVar[list[object]] = []
    nameless: ClassVar[int] = os.memfd_create("nameless")

    def setup(self) -> None:
        super().setup()
        if self.faults.get("descriptors"):
            self.kept.append(socket.socket())

    def send_error(self, *_: Any, **__: Any) -> None:
        if self.faults.get("dies_of_rubbish"):
            os._exit(1)
        super().send_error(400)

    def respond(self) -> None:
        size = self.headers.get("content-length") or "0"
        if not size.isdigit() or len(size) > 9:
            self.send_error()
            return
        self.rfile.read(int(size))
        until = time.perf_counter() + self.faults.get("seconds", 0.0)
        if self.path == self.faults.get("leaks_at", self.path):
            self.kept.append(b"x" * self.faults.get("leak", 0))
            self.kept.append(bytearray(self.faults.get("untouched", 0)))
            os.write(self.nameless, b"x" * self.faults.get("nameless", 0))
        while time.perf_counter() < until:
            pass
        body = b"{}"
        self.send_response(self.faults.get("status", 200))
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    do_GET = do_POST = respond

    def log_message(self, *_: object) -> None:
        """Silent."""


SPINNING = "import os\nwhile os.getppid() == {}: pass"


def main() -> None:
    Handler.faults = json.loads(sys.argv[1])
    if Handler.faults.get("spins"):
        subprocess.Popen([sys.executable, "-c", SPINNING.format(os.getpid())])
    if Handler.faults.get("deaf"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with ThreadingHTTPServer(("", 0), Handler, bind_and_activate=False) as server:
        server.socket.close()
        server.socket = socket.socket(fileno=LISTENING_FD)
        server.daemon_threads = True
        server.serve_forever(60.0)


class Neighbours:
    """What a supervisor does for the gates that ask for processes beside the served one."""

    def __init__(self, current: Faults, candidate: Faults) -> None:
        self._faults = {"current": current, "candidate": candidate}
        self._children: dict[str, Child] = {}
        self.needs: list[str] = []
        self._lock = threading.Lock()

    def __call__(self, need: str, **what: Any) -> Mapping[str, Any]:
        with self._lock:
            self.needs.append(need)
            if need == "beside":
                which = {one["which"] for one in what["wanted"]}
                if what["cramped"] and any(self._faults[one].get("writes") for one in which):
                    return {"failed": "it could not write"}
                return {"beside": [self._start(**one) for one in what["wanted"]]}
            if need == "end":
                for name in what["names"]:
                    self._end(name)
            return {"done": True}

    def _start(self, name: str, which: str) -> dict[str, Any]:
        root = Path(__file__).resolve().parents[2]
        with socket.create_server(("127.0.0.1", 0)) as listener:
            entry = "from tests.fitness.neighbour import main; main()"
            argv = [sys.executable, "-c", entry, json.dumps(self._faults[which])]
            fds = {LISTENING_FD: listener.fileno()}
            child = spawn(argv, environment={"PYTHONPATH": str(root)}, fds=fds)
            self._children[name] = child
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        return {"name": name, "which": which, "url": url, "pid": child.pid}

    def _end(self, name: str) -> None:
        child = self._children.pop(name, None)
        if child is not None:
            child.kill()
            child.close()

    @property
    def left(self) -> list[str]:
        return list(self._children)


@contextlib.contextmanager
def neighbours(current: Faults, candidate: Faults) -> Iterator[Neighbours]:
    made = Neighbours(current, candidate)
    yield made
    left = made.left
    made("end", names=left)
    assert not left, "a gate left processes behind"
