"""The contract gate: an honest orchestrator passes, and each broken promise is named."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from fitness.gates import contract
from fitness.subject import ANSWER_BYTES_MAX, Subject
from ops.processes import spawn
from tests.fitness.case import CHAT, ROOT, Answer, Repo, answering_as, health, honest

READY_SECONDS = 30.0


@pytest.fixture(scope="module")
def subject(repo: Repo) -> Subject:
    return repo.candidate({})


def test_thehonest_twin_passes(subject: Subject) -> None:
    """What keeps every promise passes, whoever wrote it."""
    with answering_as(honest) as subject.url:
        verdict = contract.judge(subject)
    assert verdict.passed, verdict


@contextlib.contextmanager
def _orchestrator() -> Iterator[str]:
    """org's own orchestrator, as a real process on an inherited socket, without a broker."""
    ours, theirs = socket.socketpair()
    argv = [sys.executable, "-I", str(ROOT / "ops/boot.py")]
    with socket.create_server(("127.0.0.1", 0)) as listening, ours:
        with theirs:
            child = spawn(
                [*argv, "daemon.orchestrator", "--slot", "candidate"],
                environment={"PATH": os.environ["PATH"]},
                fds={3: listening.fileno(), 4: theirs.fileno()},
            )
        try:
            ours.settimeout(READY_SECONDS)
            assert b"ready" in ours.recv(4096)
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            child.kill()
            child.close()


def test_orgs_own_orchestrator_passes(subject: Subject) -> None:
    """The suite asks nothing that main does not keep."""
    with _orchestrator() as subject.url:
        verdict = contract.judge(subject)
    assert verdict.passed, verdict


LIES: list[tuple[str, str, Answer, str]] = [
    ("GET", "/healthz", (500, b""), "health tells who serves: answered 500"),
    ("GET", "/healthz", (200, b"ok"), "health tells who serves: answered 200 with NoneType"),
    ("GET", "/healthz", (200, {"status": "ok"}), "health tells who serves: lacks slot, commit"),
    (
        "GET",
        "/healthz",
        (200, health("c", pid="2", uptime_s=True)),
        "health tells who serves: has another type than promised in pid, uptime_s",
    ),
    ("GET", "/readyz", (503, {}), "readiness is told: answered 503, not 200"),
    ("GET", "/", (404, b""), "the page is served: answered 404, not 200"),
    ("GET", "/v1/models", (200, []), "models are listed: is no list object"),
    (
        "GET",
        "/v1/models",
        (200, {"object": "list", "data": [{}]}),
        "models are listed: has a model without an id",
    ),
    ("GET", "/v1/models", (500, b"oops"), "models are listed: answered 500, not 502"),
    ("GET", "/v1/nothing", (200, {}), "an unknown path is 404: answered 200, not 404"),
    ("GET", CHAT, (404, {}), "a wrong method is 405: answered 404, not 405"),
    ("POST", CHAT, (200, {"choices": []}), "no JSON is 400: answered 200, not 400"),
    ("POST", CHAT, (500, {}), "no JSON is 400: answered 500, not 400"),
    ("POST", CHAT, (400, b"no"), "no JSON is 400: its 400 has no error object"),
    ("POST", CHAT, (400, {"error": "no"}), "no JSON is 400: its 400 has no error object"),
]


@pytest.mark.parametrize(("method", "path", "answer", "reason"), LIES)
def test_a_broken_promise_is_named(
    subject: Subject, method: str, path: str, answer: Answer, reason: str
) -> None:
    """One answer differs, and the sentence says which and how."""

    def lying(asked: str, where: str, body: bytes) -> Answer:
        return answer if (asked, where) == (method, path) else honest(asked, where, body)

    with answering_as(lying) as subject.url:
        verdict = contract.judge(subject)
    assert not verdict.passed
    assert verdict.reason.startswith(reason), verdict


def _takes_anything(key: str) -> Any:
    """Refuses what is no JSON object with messages, but never looks at `key`."""

    def answer(method: str, path: str, body: bytes) -> Answer:
        if (method, path) == ("POST", CHAT):
            with contextlib.suppress(ValueError, RecursionError):
                told = json.loads(body)
                if isinstance(told, dict) and key in told:
                    return 200, {"choices": []}
        return honest(method, path, body)

    return answer


@pytest.mark.parametrize("key", ["messages", "stream", "model"])
def test_a_field_that_is_never_checked_is_found(subject: Subject, key: str) -> None:
    """Garbage in a field must be refused, not passed on to a model."""
    with answering_as(_takes_anything(key)) as subject.url:
        verdict = contract.judge(subject)
    assert not verdict.passed
    assert verdict.reason.endswith("answered 200, not 400")


def test_a_candidate_that_dies_of_garbage_is_found(subject: Subject) -> None:
    """It answered well until something killed it; the last promise is that it lives."""
    dead = False

    def dying(method: str, path: str, body: bytes) -> Answer:
        nonlocal dead
        dead = dead or body.startswith(b'{"messages":[[[')
        return (500, b"") if dead else honest(method, path, body)

    with answering_as(dying) as subject.url:
        verdict = contract.judge(subject)
    assert [row["promise"] for row in verdict.details["broken"]] == [  # type: ignore[attr-defined]
        "deep nesting is 400",
        "it lives after all that",
    ]


def test_an_endless_answer_cannot_fill_the_jurys_memory(subject: Subject) -> None:
    """Beyond the limit the answer counts as none."""
    large = b"x" * (ANSWER_BYTES_MAX + 1)

    def endless(method: str, path: str, body: bytes) -> Answer:
        return (200, large) if path == "/" else honest(method, path, body)

    with answering_as(endless) as subject.url:
        verdict = contract.judge(subject)
    assert not verdict.passed
    assert "GET / was not answered: the answer is longer than" in verdict.reason
