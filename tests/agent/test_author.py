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

from daemon.agent.offer import tokens_in
from ops.processes import spawn
from ops.sockets import read_lines, send_line
from tests.model_server import chunks, say

pytestmark = pytest.mark.process

ROOT = Path(__file__).resolve().parents[2]
ANSWER_SECONDS = 30.0


@contextmanager
def broker(path: Path, replies: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """The least of a broker: each connection on the unix socket gets the next reply.

    Gives what it was asked.
    """
    asked: list[dict[str, Any]] = []
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
                    question = connection.makefile("rb").read()
                    asked.append(json.loads(question.partition(b"\r\n\r\n")[2]))

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield asked
        listening.shutdown(socket.SHUT_RDWR)
        thread.join(5)


@contextmanager
def author(tmp_path: Path, job: dict[str, Any]) -> Iterator[tuple[socket.socket, Any]]:
    """The process at work on `job`, in tmp_path/work; killed when it is left early."""
    ours, theirs = socket.socketpair()
    ours.settimeout(ANSWER_SECONDS)
    environment = {"PATH": os.environ["PATH"], "ORG_BROKER": str(tmp_path / "s")}
    argv = [sys.executable, "-I", str(ROOT / "ops/boot.py"), "daemon.agent.author"]
    with (tmp_path / "log").open("ab") as log:
        child = spawn(
            argv,
            environment=environment,
            fds={4: theirs.fileno()},
            output=log.fileno(),
            directory=tmp_path / "work",
        )
    theirs.close()
    try:
        send_line(ours, {"job": {"goal": "write a.txt", "model": "m", **job}})
        yield ours, child
    finally:
        child.kill()
        child.close()
        ours.close()


def ended(line: socket.socket) -> dict[str, Any]:
    """Its last word; every step is taken over."""
    for message in read_lines(line):
        if message["event"] == "step":
            send_line(line, {"ack": message["n"]})
        if message["event"] == "end":
            return message
    raise AssertionError("it said no end")


def prepared(tmp_path: Path) -> Path:
    work = tmp_path / "work"
    work.mkdir()
    (work / "test_x.py").write_text("def test_x(): pass\n")
    return work


def test_the_author_works_step_by_step(tmp_path: Path) -> None:
    """Events in order; after a step nothing happens until the acknowledgement."""
    work = prepared(tmp_path)
    replies = [
        say("I write.", write_file={"path": "a.txt", "content": "x\n"}),
        say("", run_tests={}),
        say("", done={"summary": "wrote it"}),
    ]
    heard = []
    with broker(tmp_path / "s", replies), author(tmp_path, {}) as (line, child):
        for message in read_lines(line):
            heard.append((message["event"], message.get("tool")))
            if message["event"] == "step":
                assert (work / "a.txt").exists()
                send_line(line, {"ack": message["n"]})
            if message["event"] == "end":
                assert message["status"] == "done", message
                assert (message["turns"], message["tokens"]) == (3, 360)
        assert child.wait(ANSWER_SECONDS) == 0, (tmp_path / "log").read_text()
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


def test_an_author_that_was_killed_goes_on_from_its_record(tmp_path: Path) -> None:
    """Nothing that it was told is asked again, and no call that ended runs twice."""
    work = prepared(tmp_path)
    job = {"record": str(tmp_path / "run.jsonl")}
    replies = [
        say("", sh={"command": "echo first >> a.txt"}),
        say("", sh={"command": "echo second >> a.txt"}),
        say("", run_tests={}),
        say("", done={"summary": "wrote it"}),
    ]
    with broker(tmp_path / "s", replies):
        with author(tmp_path, job) as (line, _):
            steps = (one for one in read_lines(line) if one["event"] == "step")
            send_line(line, {"ack": next(steps)["n"]})
            next(steps)  # killed before the second one is acknowledged
        with author(tmp_path, job) as (line, child):
            events = []
            for message in read_lines(line):
                events.append(message["event"])
                if message["event"] == "step":
                    send_line(line, {"ack": message["n"]})
            assert child.wait(ANSWER_SECONDS) == 0, (tmp_path / "log").read_text()
    assert (work / "a.txt").read_text() == "first\nsecond\n"
    assert events[0] == "step"
    assert events[-1] == "end"
    assert events.count("turn") == 2


def test_a_person_can_end_it(tmp_path: Path) -> None:
    """Before its next step, with a status of its own."""
    prepared(tmp_path)
    replies = [say("", sh={"command": "echo x > a.txt"})]
    with broker(tmp_path / "s", replies), author(tmp_path, {}) as (line, _):
        for message in read_lines(line):
            if message["event"] == "step":
                send_line(line, {"tell": "", "now": False, "stop": True})
                send_line(line, {"ack": message["n"]})
            if message["event"] == "end":
                assert message["status"] == "stopped"


PROSE = say("I make it now:\n\n1. touch a.txt")
FINISHED = say("", done={"summary": "made it"})


@pytest.mark.parametrize(
    ("job", "replies", "status"),
    [
        ({"loose": True}, [PROSE, say("", run_tests={}), *[FINISHED] * 2], "done"),
        ({}, [PROSE] * 9, "format"),
    ],
    ids=["loose", "strict"],
)
def test_calls_are_guessed_from_prose_where_the_job_says_so(
    tmp_path: Path, job: dict[str, Any], replies: list[dict[str, Any]], status: str
) -> None:
    """Only there: else a numbered list is no call."""
    work = prepared(tmp_path)
    with broker(tmp_path / "s", list(replies)), author(tmp_path, job) as (line, _):
        assert ended(line)["status"] == status
    assert (work / "a.txt").exists() == (status == "done")


@pytest.mark.parametrize("budget", [300, 1_000])
def test_the_model_is_told_of_tools_to_the_jobs_budget(tmp_path: Path, budget: int) -> None:
    """What goes over the wire costs no more; what is needed to end is never left out."""
    prepared(tmp_path)
    with broker(tmp_path / "s", [say("")] * 3) as asked:
        with author(tmp_path, {"tool_tokens_max": budget}) as (line, _):
            ended(line)
    assert budget / 2 < tokens_in(json.dumps(asked[0]["tools"])) <= budget
    assert "done" in {one["function"]["name"] for one in asked[0]["tools"]}
