"""The orchestrator as a process: ready before it accepts, drained without a loss, warm again."""

from __future__ import annotations

import contextlib
import http.client
import json
import shutil
import signal
import socket
import sys
import threading
from pathlib import Path

import httpx
import pytest

from ops.loaded import MARKER
from ops.processes import spawn
from ops.sockets import read_lines, send_line
from tests.load import Load, Streams
from tests.model_server import say, scripted_model
from tests.orchestrator.program import CHAT, HELLO, ROOT, SECONDS, get, program, url
from tests.orchestrator.scripted_broker import Answering, scripted_broker

LAST_ANSWER_SECONDS = 3.0


def test_it_says_which_commit_it_loaded(listening: socket.socket, tmp_path: Path) -> None:
    """The marker of the tree it runs from, read before anything else."""
    for room in ("ops", "daemon", "fitness"):
        shutil.copytree(ROOT / room, tmp_path / room)
    (tmp_path / MARKER).write_text("c" * 40 + "\n")
    with program(listening, "--tag", "release/3", root=tmp_path) as running:
        assert running.until("ready")["ready"]["commit"] == "c" * 40
        (tmp_path / MARKER).write_text("d" * 40 + "\n")
        send_line(running.line, {"do": "hello", "pid": 4711})
        health = get(listening, "/healthz").json()
        assert (health["commit"], health["tag"]) == ("c" * 40, "release/3")
        assert (health["slot"], health["status"], health["pid"]) == ("current", "ok", 4711)


def test_in_standby_it_is_ready_and_accepts_nobody(listening: socket.socket) -> None:
    """Callers wait in the backlog until it is told to accept."""
    with program(listening, "--standby") as running:
        running.until("ready")
        with socket.create_connection(listening.getsockname()) as caller:
            caller.sendall(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
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
    with program(listening) as running:
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


def test_hand_over_and_back_under_load_loses_nobody(
    listening: socket.socket, tmp_path: Path
) -> None:
    """New and kept connections at 100 a second and open streams: 0 failed, 0 refused, 0 cut."""
    handed_over = threading.Event()

    def play(broker: Answering) -> None:
        broker.head()
        broker.delta("begun before, ended after")
        assert handed_over.wait(SECONDS)
        broker.done()

    streams = Streams(CHAT, at_once=4, body=json.dumps(HELLO | {"stream": True}).encode())
    with scripted_broker(tmp_path / "b", play) as broker:
        way = {"ORG_BROKER": broker.path}
        with program(listening, **way) as old, program(listening, "--standby", **way) as new:
            old.until("ready")
            new.until("ready")
            with Load(url(listening, "/healthz"), per_second=100, streams=streams) as load:
                load.wait_for(50)
                for come, go in ((new, old), (old, new)):
                    come.do("accept")
                    assert go.do("drain")["connections"] >= 0
                    load.wait_for(100)
                handed_over.set()
                new.until("idle")
    assert (load.failed, load.refused, load.cut) == (0, 0, 0), load.faults
    assert load.answered >= 250
    assert load.streamed >= streams.at_once


def test_it_is_idle_once_what_was_in_flight_is_done(listening: socket.socket) -> None:
    """Kept connections may stay: they hold no request."""
    with program(listening) as running:
        running.until("ready")
        kept = http.client.HTTPConnection(*listening.getsockname(), timeout=SECONDS)
        kept.request("GET", "/healthz")
        kept.getresponse().read()
        assert running.do("drain")["connections"] == 1
        assert running.until("idle") == {"idle": True}
        kept.close()


def test_the_log_is_json_lines(listening: socket.socket, tmp_path: Path) -> None:
    """Errors are logged with their path and status, good requests are not."""
    log = tmp_path / "log"
    with log.open("wb") as output, program(listening, output=output.fileno()) as running:
        running.until("ready")
        get(listening, "/healthz")
        assert get(listening, "/v1/models").status_code == 503
    (row,) = [json.loads(line) for line in log.read_text().splitlines()]
    assert (row["path"], row["status"], row["level"]) == ("/v1/models", 503, "warning")


def test_without_its_supervisor_it_ends(listening: socket.socket) -> None:
    """The line closes: it finishes and goes, for nobody else would end it."""
    with program(listening) as running:
        running.until("ready")
        assert running.end() == 0


def test_a_signal_ends_it_well(listening: socket.socket) -> None:
    with program(listening) as running:
        running.until("ready")
        running.child.signal(signal.SIGTERM)
        assert running.child.wait(SECONDS) == 0


def test_stats_count_what_was_served(listening: socket.socket) -> None:
    with program(listening) as running:
        running.until("ready")
        for _ in range(3):
            get(listening, "/healthz")
        stats = running.do("stats")["stats"]
        assert (stats["requests"], stats["errors"]) == (3, 0)
        assert stats["rss"] > 10 * 2**20
        assert 0 < stats["p99_ms"] < 1000


def test_routes_tell_how_long_they_take(listening: socket.socket) -> None:
    """By their pattern; what is not there has none, nor what waits for a model server's list."""
    with program(listening) as running:
        running.until("ready")
        for path in ("/healthz", "/healthz", "/nothing", "/chat", "/login"):
            get(listening, path)
        routes = running.do("routes")["routes"]
    assert routes["GET /healthz"][0] == 2 and routes["GET /healthz"][1] > 0
    assert set(routes) == {"GET /healthz", "GET /login"}


def test_unknown_paths_and_methods_are_told(listening: socket.socket) -> None:
    with program(listening) as running:
        running.until("ready")
        assert get(listening, "/v1/nothing").json()["error"]["code"] == "not_found"
        wrong = get(listening, CHAT)
        assert wrong.json()["error"]["code"] == "method_not_allowed"
        assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")
        page = get(listening, "/")
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert "This is the current release." in page.text
        assert "<script>" not in page.text
        about = [line.split(": ") for line in get(listening, "/about").text.splitlines()]
        assert [name for name, _ in about] == ["slot", "release", "commit", "up", "machine up"]


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
        with program(listening, ORG_BROKER=way) as running:
            running.until("ready")
            assert get(listening, "/v1/models").json()["data"][0]["id"] == "scripted"
            asked = HELLO | {"model": "scripted", "stream": True}
            with httpx.stream("POST", url(listening, CHAT), json=asked, trust_env=False) as answer:
                rows = [line[6:] for line in answer.iter_lines() if line.startswith("data: ")]
        ours.close()
        assert broker.wait(SECONDS) == 0
        broker.close()
    assert rows[-1] == "[DONE]"
    chunks = [json.loads(row) for row in rows[:-1]]
    text = "".join(c["choices"][0]["delta"].get("content", "") for c in chunks if c["choices"])
    assert text == "one two three four five six seven eight nine ten"
    assert chunks[-1]["usage"]["total_tokens"] == 120


@pytest.mark.process
@pytest.mark.parametrize("drain", [1.0, 8.0])
def test_the_last_answers_have_as_long_as_the_setting_says(
    listening: socket.socket, tmp_path: Path, drain: float
) -> None:
    """One that takes three seconds is cut by a limit of one, and finished within eight."""

    def play(broker: Answering) -> None:
        broker.head()
        broker.delta("begun")
        threading.Event().wait(LAST_ANSWER_SECONDS)
        with contextlib.suppress(OSError):  # it may have been cut
            broker.done()

    body = json.dumps(HELLO | {"stream": True}).encode()
    with scripted_broker(tmp_path / "b", play) as broker:
        way = {"ORG_BROKER": broker.path, "ORG_WEB": json.dumps({"drain_seconds": drain})}
        with program(listening, **way) as running:
            running.until("ready")
            asked = http.client.HTTPConnection(*listening.getsockname(), timeout=SECONDS)
            asked.request("POST", CHAT, body, {"content-type": "application/json"})
            answer = asked.getresponse()
            assert b"begun" in answer.readline()
            assert running.end() == 0
            try:
                whole = b"[DONE]" in answer.read()
            except (http.client.IncompleteRead, ConnectionError):
                whole = False
            asked.close()
    assert whole is (drain > LAST_ANSWER_SECONDS)
