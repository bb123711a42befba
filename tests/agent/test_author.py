"""The author as a process: its job comes by one line, each step waits until it was taken over."""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ops.processes import spawn
from ops.sockets import read_lines, send_line
from tests.model_server import chunks, say

pytestmark = pytest.mark.process

ROOT = Path(__file__).resolve().parents[2]
ANSWER_SECONDS = 30.0


@contextmanager
def broker(path: Path, replies: list[dict[str, Any]]) -> Iterator[None]:
    """The least of a broker: each connection on the unix socket gets the next reply."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()

        def serve() -> None:
            while replies:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    while b"\r\n\r\n" not in (head := connection.recv(65536, socket.MSG_PEEK)):
                        if not head:
                            return
                    body = b"".join(
                        b"data: " + json.dumps(chunk).encode() + b"\n\n"
                        for chunk in chunks(replies.pop(0))
                    )
                    start = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
                    connection.sendall(start + b"connection: close\r\n\r\n" + body)
                    connection.sendall(b"data: [DONE]\n\n")
                    connection.shutdown(socket.SHUT_WR)
                    while connection.recv(65536):
                        continue

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield
        listening.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def test_the_author_works_step_by_step(tmp_path: Path) -> None:
    """Events in order; after a step nothing happens until the acknowledgement."""
    work = tmp_path / "work"
    work.mkdir()
    (work / "test_x.py").write_text("def test_x(): pass\n")
    replies = [
        say("I write.", write_file={"path": "a.txt", "content": "x\n"}),
        say("", run_tests={}),
        say("", done={"summary": "wrote it"}),
    ]
    ours, theirs = socket.socketpair()
    ours.settimeout(ANSWER_SECONDS)
    with broker(tmp_path / "s", replies):
        environment = {"PATH": os.environ["PATH"], "ORG_BROKER": str(tmp_path / "s")}
        argv = [sys.executable, "-I", str(ROOT / "ops/boot.py"), "daemon.agent.author"]
        with (tmp_path / "log").open("wb") as log:
            child = spawn(
                argv,
                environment=environment,
                fds={4: theirs.fileno()},
                output=log.fileno(),
                directory=work,
            )
        theirs.close()
        send_line(ours, {"job": {"goal": "write a.txt", "model": "m"}})
        heard = []
        for message in read_lines(ours):
            heard.append((message["event"], message.get("tool")))
            if message["event"] == "step":
                assert (work / "a.txt").exists()
                send_line(ours, {"ack": message["n"]})
            if message["event"] == "end":
                assert message["status"] == "done", message
                assert (message["turns"], message["tokens"]) == (3, 360)
        assert child.wait(ANSWER_SECONDS) == 0, (tmp_path / "log").read_text()
        child.close()
    ours.close()
    assert heard == [
        ("turn", None),
        ("call", "write_file"),
        ("result", "write_file"),
        ("step", None),
        ("turn", None),
        ("call", "run_tests"),
        ("result", "run_tests"),
        ("turn", None),
        ("call", "done"),
        ("result", "done"),
        ("end", None),
    ]
