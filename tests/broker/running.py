"""A broker as a process, asked as the supervisor would."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ops.processes import spawn
from ops.sockets import read_lines, send_line

ROOT = Path(__file__).resolve().parents[2]
KEY = "sk-canary-0123456789"
ANSWER_SECONDS = 20.0


class Admin:
    """The line to the broker."""

    def __init__(self, line: socket.socket) -> None:
        self.line = line
        self.heard = read_lines(line)
        assert next(self.heard) == {"ready": True}

    def do(self, verb: str, **arguments: Any) -> dict[str, Any]:
        send_line(self.line, {"id": 7, "do": verb, **arguments})
        answer = next(self.heard)
        assert answer["id"] == 7
        return answer


@contextmanager
def running_broker(home: Path, settings: str, **environment: str) -> Iterator[Admin]:
    """With these settings in its org.toml; its log never holds the key."""
    home.mkdir(exist_ok=True)
    (home / "state").mkdir(exist_ok=True)
    (home / "org.toml").write_text(settings)
    ours, theirs = socket.socketpair()
    ours.settimeout(ANSWER_SECONDS)
    argv = [sys.executable, "-I", str(ROOT / "ops/boot.py"), "daemon.broker", "--home", str(home)]
    with (home / "log").open("wb") as log:
        fds = {4: theirs.fileno()}
        child = spawn(argv, environment=environment, fds=fds, output=log.fileno())
    theirs.close()
    try:
        yield Admin(ours)
    finally:
        ours.close()
        assert child.wait(10) == 0, (home / "log").read_text()  # without its admin it ends
        child.close()
    assert KEY not in (home / "log").read_text()
