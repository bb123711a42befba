"""The real program on a socket of the test's, and the test's end of its line."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from ops.processes import Child, spawn
from ops.sockets import read_lines, send_line

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 20.0
CHAT = "/v1/chat/completions"
ASK: Any = [{"role": "user", "content": "hello"}]
HELLO = {"model": "m", "messages": ASK}


class Program:
    """One orchestrator on a listening socket."""

    def __init__(self, child: Child, line: socket.socket) -> None:
        self.child = child
        self.line = line
        self.heard = read_lines(line)

    def until(self, key: str) -> dict[str, Any]:
        return next(message for message in self.heard if key in message)

    def do(self, what: str) -> dict[str, Any]:
        send_line(self.line, {"do": what})
        return next(message for message in self.heard if message.get("did") == what)

    def end(self) -> int | None:
        with contextlib.suppress(OSError):
            self.line.close()
        return self.child.wait(SECONDS)


@contextmanager
def program(
    listening: socket.socket,
    *flags: str,
    root: Path = ROOT,
    output: int | None = None,
    **environment: str,
) -> Iterator[Program]:
    ours, theirs = socket.socketpair()
    ours.settimeout(SECONDS)
    argv = [sys.executable, "-I", str(root / "ops/boot.py"), "daemon.orchestrator"]
    child = spawn(
        [*argv, "--slot", "current", *flags],
        environment={"PATH": os.environ["PATH"], **environment},
        fds={3: listening.fileno(), 4: theirs.fileno()},
        output=output,
    )
    theirs.close()
    try:
        yield Program(child, ours)
    finally:
        ours.close()
        if child.wait(SECONDS) is None:
            child.kill()
        child.close()


def url(listening: socket.socket, path: str = "") -> str:
    return f"http://127.0.0.1:{listening.getsockname()[1]}{path}"


def get(listening: socket.socket, path: str) -> httpx.Response:
    return httpx.get(url(listening, path), timeout=SECONDS, trust_env=False)


def post(listening: socket.socket, body: bytes) -> httpx.Response:
    return httpx.post(url(listening, CHAT), content=body, timeout=SECONDS, trust_env=False)
