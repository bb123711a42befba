"""The jury: stages in order, limits that hold, a card that is complete or has not passed."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from fitness import gates, jury
from fitness.gates import Gate, load
from fitness.scorecard import Scorecard
from fitness.subject import Subject
from fitness.verdict import Verdict, failed, passed
from ops.processes import Child, spawn
from tests.fitness.case import (
    ROOT,
    WORDS,
    WORSE,
    Answer,
    Changes,
    Repo,
    answering_as,
    health,
    honest,
)
from tests.fitness.neighbour import Neighbours

SECONDS = 60.0
MODULE = "daemon/core/words.py"
BETTER = WORDS.replace("How many", "The number of")
HYGIENE = ["paths", "build", "lint", "types"]
WORK = [
    *HYGIENE,
    "identity",
    "contract",
    "tests",
    "own-tests",
    "goal",
    "behaviour",
    "replay",
    "faults",
]
NAMES = [*WORK, "load"]


@contextlib.contextmanager
def _line() -> Iterator[tuple[jury.Line, list[dict[str, Any]]]]:
    """A jury's line, and what was said on it so far."""
    ours, theirs = socket.socketpair()
    said: list[dict[str, Any]] = []
    with ours, theirs, theirs.makefile("rw") as stream, ours.makefile("r") as ear:
        yield jury.Line(theirs, stream), said
        theirs.shutdown(socket.SHUT_WR)
        said += [json.loads(line) for line in ear]


def _gate(judge: Any, limit_seconds: float = 10.0) -> Gate:
    return Gate("odd", "Is it odd?", "work", limit_seconds, False, judge)


def _breaks(_: Subject) -> Verdict:
    raise RuntimeError("line one\nline two \x1b[31m\u202e")


def _leaves(_: Subject) -> Verdict:
    raise SystemExit(0)


@pytest.mark.parametrize(
    ("judge", "reason"),
    [
        (_breaks, "the gate broke: RuntimeError: line one line two \\x1b[31m\\u202e"),
        (_leaves, "the gate ended without a verdict"),
        (lambda _: failed("odd", "x" * 2_000), "x" * jury.REASON_CHARS_MAX + " …"),
        (lambda _: failed("odd", "\ud800 is no text"), "\\ud800 is no text"),
    ],
)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_whatever_a_gate_does_it_has_a_row(repo: Repo, judge: Any, reason: str) -> None:
    """An exception, an exit, wild text: failed, in one bounded printable line."""
    subject = repo.candidate({})
    with _line() as (line, said):
        row = jury.score(subject, line, _gate(judge))
    assert (row.passed, row.reason) == (False, reason)
    assert [message["state"] for message in said] == ["started", "ended"]
    assert said[1]["reason"] == reason
    assert row.evidence is not None
    kept = json.loads((subject.job.evidence.parent / row.evidence).read_text())
    assert kept["passed"] is False


def test_a_gate_that_hangs_has_failed_at_its_limit(repo: Repo) -> None:
    """The jury does not wait for it, and what it says later is not heard."""
    hold = threading.Event()

    def hangs(_: Subject) -> Verdict:
        hold.wait(SECONDS)
        return passed("odd")

    with _line() as (line, _):
        row = jury.score(repo.candidate({}), line, _gate(hangs, 0.1), grace_seconds=0.1)
        hold.set()
    assert (row.passed, row.reason) == (False, "no verdict within 0.1 s")
    assert row.seconds < 5


def test_the_suite_is_named_by_all_its_sources() -> None:
    """A scorecard tells which judge gave it."""
    assert len(jury.suite_digest()) == 64
    assert jury.suite_digest() == jury.suite_digest()


def test_the_suite_is_one_visible_tuple(repo: Repo) -> None:
    """Cheapest first; another repo's commands stand between hygiene and the goal."""
    assert [gate.name for gate in gates.SUITE] == NAMES
    asked = [{"name": "own", "command": ["true"], "limit_seconds": 7}]
    own = gates.suite_for(repo.candidate({}, kind="repo", gates=asked).job)
    assert [gate.name for gate in own] == ["paths", "identity", "own", "goal"]
    assert own[2].limit_seconds == 7


class Bench:
    """A real jury process and the supervisor's end of its line."""

    def __init__(self, subject: Subject) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            argv = [sys.executable, "-I", str(ROOT / "ops/boot.py"), "fitness.jury"]
            self.child: Child = spawn(
                argv, environment={"PATH": os.environ["PATH"]}, fds={4: theirs.fileno()}
            )
        ours.settimeout(SECONDS)
        self.own = ours
        self.stream = ours.makefile("r")
        self.beside = Neighbours({}, {})
        self.say(json.loads(subject.job.model_dump_json()))

    def say(self, message: object) -> None:
        self.own.sendall(json.dumps(message).encode() + b"\n")

    def hear(self) -> Iterator[dict[str, Any]]:
        yield from (json.loads(line) for line in self.stream)

    def card(self, served: object) -> tuple[Scorecard | None, list[dict[str, Any]]]:
        """The card, if there is one, and all events before it."""
        events: list[dict[str, Any]] = []
        for message in self.hear():
            if "need" in message:
                self.say(served if message["need"] == "serve" else self.beside(**message))
            if "scorecard" in message:
                return Scorecard.model_validate(message["scorecard"]), events
            events.append(message)
        return None, events

    def close(self) -> int | None:
        assert not self.beside.left
        code = self.child.wait(10.0)
        self.child.kill()
        self.child.close()
        self.stream.close()
        self.own.close()
        return code


def _judged(
    subject: Subject, served: object
) -> tuple[Scorecard | None, list[dict[str, Any]], int | None]:
    bench = Bench(subject)
    try:
        card, events = bench.card(served)
    finally:
        code = bench.close()
    return card, events, code


@contextlib.contextmanager
def _candidate(commit: str) -> Iterator[dict[str, Any]]:
    """It keeps the contract and says it is `commit`."""

    def answer(method: str, path: str, body: bytes) -> Answer:
        return (200, health(commit)) if path == "/healthz" else honest(method, path, body)

    with answering_as(answer) as url:
        yield {"served": {"url": url, "pid": 1, "broker": None}}


GOAL = {"text": "better words", "acceptance": {"probes": [{"path": "/healthz"}]}}


def test_a_healthy_candidate_has_a_complete_card(repo: Repo) -> None:
    """Every gate spoke once, in the order of the stages, each with evidence, and all passed."""
    subject = repo.release({MODULE: BETTER}, goal=GOAL)
    with _candidate(subject.commit) as served:
        card, events, code = _judged(subject, served)
    assert code == 0
    assert card is not None
    assert card.passed, card
    assert card.complete()
    assert (card.commit, card.base) == (subject.commit, repo.base)
    assert card.suite == jury.suite_digest()
    assert [score.name for score in card.gates] == NAMES
    assert card.expected == tuple(NAMES)
    for score in card.gates:
        assert (subject.job.evidence.parent / str(score.evidence)).is_file()
    ended = [event["name"] for event in events if event.get("state") == "ended"]
    assert ended[0] == "paths"
    assert sorted(ended[:-1]) == sorted(WORK)  # within a stage they end as they may
    assert ended[-1] == "load"
    assert list(events[-1]["measures"]) == [request.name for request in load.requests()]
    assert [event.get("need") for event in events].index("serve") > 5  # after hygiene and build


REJECTED: dict[str, tuple[Changes, list[str], str]] = {
    "a stage that fails is the last": (
        {"pyproject.toml": "# another\n", "daemon/agent/more.py": "NEW = 1\n"},
        ["paths"],
        "pyproject.toml is protected",
    ),
    "what does not build is not served": (
        {MODULE: "import nothing_of_that_name\n"},
        HYGIENE,
        "daemon.core.words cannot be imported",
    ),
    "a broken test": ({MODULE: WORSE}, WORK, "1 of main's tests do not pass"),
}


@pytest.mark.parametrize("name", REJECTED)
def test_a_bad_candidate_has_a_card_that_says_where_it_ended(repo: Repo, name: str) -> None:
    """The rows end with the stage that failed, and the card has not passed."""
    changes, names, reason = REJECTED[name]
    subject = repo.release(changes, goal=GOAL)
    with _candidate(subject.commit) as served:
        card, _, code = _judged(subject, served)
    assert card is not None
    assert code == 0
    assert not card.passed
    assert [score.name for score in card.gates] == names
    bad = [score for score in card.gates if not score.passed]
    assert bad[0].reason.startswith(reason), bad


@pytest.mark.parametrize("answer", [{"failed": "it ended with 3"}, {}])
def test_a_candidate_that_does_not_serve_is_rejected(repo: Repo, answer: object) -> None:
    """The gates that would have asked it say why."""
    subject = repo.release({MODULE: BETTER}, goal=GOAL)
    card, _, _ = _judged(subject, answer)
    assert card is not None
    assert not card.passed
    told = {score.name: score.reason for score in card.gates if not score.passed}
    assert set(told) == {"identity", "contract"}
    why = "it ended with 3" if answer else "the supervisor does not answer"
    assert told["identity"] == f"it could not be served: {why}"


def test_one_gate_alone_gives_no_card_of_the_whole_suite(repo: Repo) -> None:
    """`--gate` asks one question; nothing is served for one that needs no answering_as."""
    card, events, _ = _judged(repo.release({MODULE: BETTER}, only="lint"), {})
    assert card is not None
    assert card.expected == ("lint",)
    assert {"need": "serve"} not in events
    absent, _, _ = _judged(repo.release({MODULE: BETTER}, only="no-such-gate"), {})
    assert absent is not None
    assert not absent.passed


def test_without_serving_nothing_is_asked_for(repo: Repo) -> None:
    """Gates that need the candidate on its port fail rather than guess."""
    card, events, _ = _judged(repo.release({MODULE: BETTER}, serve=False, only="identity"), {})
    assert card is not None
    assert not card.passed
    assert {"need": "serve"} not in events
    assert "without being served" in card.gates[0].reason


@pytest.mark.parametrize("job", [{"kind": "org"}, {}])
def test_a_job_that_makes_no_sense_has_no_card(job: object) -> None:
    """No card is a rejection; the jury says why on its own log and is gone."""
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            argv = [sys.executable, "-I", str(ROOT / "ops/boot.py"), "fitness.jury"]
            child = spawn(argv, environment={}, fds={4: theirs.fileno()})
        ours.settimeout(SECONDS)
        ours.sendall(json.dumps(job).encode() + b"\n")
        assert ours.recv(4096) == b""
        assert child.wait(10.0) not in (0, None)
        child.close()
