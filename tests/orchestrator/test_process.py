"""The orchestrator as a process: ready before it accepts, drained without a loss, warm again."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from ops.loaded import MARKER
from ops.processes import Child, spawn
from ops.sockets import read_lines, send_line
from tests.load import Load
from tests.model_server import say, scripted_model

pytestmark = pytest.mark.process

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 20.0
CHAT = "/v1/chat/completions"
HELLO = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}


class Process:
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
def process(
    listening: socket.socket, *flags: str, root: Path = ROOT, **environment: str
) -> Iterator[Process]:
    ours, theirs = socket.socketpair()
    ours.settimeout(SECONDS)
    argv = [sys.executable, "-I", str(root / "ops/boot.py"), "daemon.orchestrator"]
    child = spawn(
        [*argv, "--slot", "current", *flags],
        environment={"PATH": os.environ["PATH"], **environment},
        fds={3: listening.fileno(), 4: theirs.fileno()},
    )
    theirs.close()
    try:
        yield Process(child, ours)
    finally:
        ours.close()
        if child.wait(SECONDS) is None:
            child.kill()
        child.close()


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0), backlog=512) as made:
        yield made


def url(listening: socket.socket, path: str = "") -> str:
    return f"http://127.0.0.1:{listening.getsockname()[1]}{path}"


def get(listening: socket.socket, path: str) -> httpx.Response:
    return httpx.get(url(listening, path), timeout=SECONDS, trust_env=False)


def test_it_says_which_commit_it_loaded(listening: socket.socket, tmp_path: Path) -> None:
    """The marker of the tree it runs from, read before anything else."""
    for room in ("ops", "daemon", "fitness"):
        shutil.copytree(ROOT / room, tmp_path / room)
    (tmp_path / MARKER).write_text("c" * 40 + "\n")
    with process(listening, "--tag", "release/3", root=tmp_path) as running:
        assert running.until("ready")["ready"]["commit"] == "c" * 40
        (tmp_path / MARKER).write_text("d" * 40 + "\n")
        send_line(running.line, {"do": "hello", "pid": 4711})
        health = get(listening, "/healthz").json()
        assert (health["commit"], health["tag"]) == ("c" * 40, "release/3")
        assert (health["slot"], health["status"], health["pid"]) == ("current", "ok", 4711)


def test_in_standby_it_is_ready_and_accepts_nobody(listening: socket.socket) -> None:
    """Callers wait in the backlog until it is told to accept."""
    with process(listening, "--standby") as running:
        running.until("ready")
        with socket.create_connection(listening.getsockname()) as caller:
            caller.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            caller.settimeout(0.3)
            with pytest.raises(TimeoutError):
                caller.recv(1)
            running.do("accept")
            caller.settimeout(SECONDS)
            assert caller.recv(100).startswith(b"HTTP/1.1 200")


def test_draining_asks_kept_connections_to_close_and_resuming_takes_it_back(
    listening: socket.socket,
) -> None:
    """The next answer on a kept connection says close; after resume none does."""
    with process(listening) as running:
        running.until("ready")
        kept = http.client.HTTPConnection(*listening.getsockname(), timeout=SECONDS)
        kept.request("GET", "/healthz")
        first = kept.getresponse()
        first.read()
        assert first.getheader("connection") is None
        assert running.do("drain")["connections"] == 1
        kept.request("GET", "/healthz")
        assert kept.getresponse().getheader("connection") == "close"
        kept.close()
        running.do("accept")
        again = get(listening, "/healthz")
        assert (again.status_code, again.headers.get("connection")) == (200, None)


def test_hand_over_and_back_under_load_loses_nobody(listening: socket.socket) -> None:
    """New and kept connections at 100 a second: 0 failed, 0 refused, 0 cut."""
    with process(listening) as old, process(listening, "--standby") as new:
        old.until("ready")
        new.until("ready")
        with Load(url(listening, "/healthz"), per_second=100) as load:
            load.wait_for(50)
            for come, go in ((new, old), (old, new)):
                come.do("accept")
                go.do("drain")
                load.wait_for(100)
        assert (load.failed, load.refused, load.cut) == (0, 0, 0), load.faults
        assert load.answered >= 250


def test_without_its_supervisor_it_ends(listening: socket.socket) -> None:
    """The line closes: it finishes and goes, for nobody else would end it."""
    with process(listening) as running:
        running.until("ready")
        assert running.end() == 0


def test_a_signal_ends_it_well(listening: socket.socket) -> None:
    with process(listening) as running:
        running.until("ready")
        running.child.signal(signal.SIGTERM)
        assert running.child.wait(SECONDS) == 0


def test_stats_count_what_was_served(listening: socket.socket) -> None:
    with process(listening) as running:
        running.until("ready")
        for _ in range(3):
            get(listening, "/healthz")
        stats = running.do("stats")["stats"]
        assert (stats["requests"], stats["errors"]) == (3, 0)
        assert stats["rss"] > 10 * 2**20
        assert 0 < stats["p99_ms"] < 1000


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"[]", 400),
        (b'"text"', 400),
        (b'{"messages": "\xff"}', 400),
        (b'{"messages": []}', 400),
        (b'{"messages": [{"role": "king"}]}', 400),
        (b'{"messages": [{"role": "user", "content": 3}]}', 400),
        (b'{"messages": [{"role": "user"}], "stream": 1}', 400),
        (b'{"messages": [{"role": "user"}], "temperature": NaN}', 400),
        (b'{"messages": [{"role": "user"}], "model": 1}', 400),
        (b'{"a": 1, "a": 2}', 400),
        (b"[" * 100_000, 400),
        (b'{"messages": ' + b"[" * 500 + b"]" * 500 + b"}", 400),
        (b'{"x": "' + b"y" * (17 * 2**20) + b'"}', 413),
        (b'{"messages": [{"role": "user", "content": "x"}]}', 503),
    ],
)
def test_bad_requests_are_told_in_openais_shape(
    listening: socket.socket, body: bytes, status: int
) -> None:
    """One sentence each, and the process goes on."""
    with process(listening) as running:
        running.until("ready")
        answer = httpx.post(url(listening, CHAT), content=body, timeout=SECONDS, trust_env=False)
        assert answer.status_code == status
        error = answer.json()["error"]
        assert error["message"]
        assert {"type", "code", "param"} <= set(error)
        assert get(listening, "/healthz").status_code == 200


def test_unknown_paths_and_methods_are_told(listening: socket.socket) -> None:
    with process(listening) as running:
        running.until("ready")
        assert get(listening, "/v1/nothing").json()["error"]["code"] == "not_found"
        assert get(listening, CHAT).json()["error"]["code"] == "method_not_allowed"
        page = get(listening, "/")
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert "machine up" in page.text


def test_a_completion_streams_through_the_broker(listening: socket.socket, tmp_path: Path) -> None:
    """Delta by delta, by the broker's unix socket alone."""
    with scripted_model([say("one two three four five six seven eight nine ten")]) as model:
        (tmp_path / "home/state").mkdir(parents=True)
        base = f"http://127.0.0.1:{model.server_address[1]}"
        (tmp_path / "home/org.toml").write_text(f'[model]\nbase = "{base}"\n')
        ours, theirs = socket.socketpair()
        ours.settimeout(SECONDS)
        argv = [sys.executable, "-I", str(ROOT / "ops/boot.py"), "daemon.broker"]
        broker = spawn(
            [*argv, "--home", str(tmp_path / "home")], environment={}, fds={4: theirs.fileno()}
        )
        theirs.close()
        said = read_lines(ours)
        next(said)
        send_line(ours, {"id": 1, "do": "open", "cell": "c", "directory": str(tmp_path)})
        way = str(next(said)["ok"]["socket"])
        with process(listening, ORG_BROKER=way) as running:
            running.until("ready")
            assert get(listening, "/v1/models").json()["data"][0]["id"] == "scripted"
            with httpx.stream(
                "POST", url(listening, CHAT), json=HELLO | {"stream": True}, trust_env=False
            ) as answer:
                rows = [line[6:] for line in answer.iter_lines() if line.startswith("data: ")]
        ours.close()
        assert broker.wait(SECONDS) == 0
        broker.close()
    assert rows[-1] == "[DONE]"
    chunks = [json.loads(row) for row in rows[:-1]]
    text = "".join(c["choices"][0]["delta"].get("content", "") for c in chunks if c["choices"])
    assert text == "one two three four five six seven eight nine ten"
    assert chunks[-1]["usage"]["total_tokens"] == 120
