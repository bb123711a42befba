"""The identity gate: who answers on :7002, three times in a row."""

from __future__ import annotations

import itertools
import socket

import pytest

from fitness.gates import identity
from fitness.subject import Subject
from tests.fitness.case import Answer, Answering, Repo, answering_as, health

COMMIT = "c" * 40
OTHER = "d" * 40


def _told(*answers: Answer) -> Answering:
    """These in turn, the last one for ever."""
    turns = itertools.chain(answers, itertools.repeat(answers[-1]))
    return lambda _method, _path, _body: next(turns)


@pytest.fixture(scope="module")
def subject(repo: Repo) -> Subject:
    return repo.candidate({}, commit=COMMIT)


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ([(200, health(COMMIT))], None),
        ([(200, health(COMMIT, more="than asked", tag="release/3"))], None),
        ([(200, health(OTHER))], f"another commit answers here: {OTHER}"),
        ([(200, health("unreleased"))], "another commit answers here: unreleased"),
        ([(200, {})], "another commit answers here: None"),
        ([(200, health(COMMIT)), (200, health(OTHER))], f"another commit answers here: {OTHER}"),
        ([(200, health(COMMIT))] * 2 + [(503, {})], "/healthz answered 503"),
        ([(302, b"")], "/healthz answered 302"),
        ([(200, health(COMMIT, slot="current"))], "it does not say that it is a healthy candidate"),
        ([(200, health(COMMIT, status="ill"))], "it does not say that it is a healthy candidate"),
        ([(200, health(COMMIT, pid=None))], "it does not know its own pid"),
        ([(200, health(COMMIT, pid=True))], "it does not know its own pid"),
        ([(200, [health(COMMIT)])], "/healthz is no JSON object"),
        ([(200, b"ok")], "/healthz is no JSON object"),
        ([(200, b"[" * 100_000)], "/healthz is no JSON object"),
        ([(200, b"\xff\xfe")], "/healthz is no JSON object"),
    ],
)
def test_only_the_commit_that_is_judged_may_answer(
    subject: Subject, answers: list[Answer], reason: str | None
) -> None:
    """Every answer in a row says so, exactly."""
    with answering_as(_told(*answers)) as subject.url:
        verdict = identity.judge(subject)
    assert (verdict.passed, verdict.reason) == (reason is None, reason or "3 answers in a row")


def test_a_port_where_nobody_answers_is_told(subject: Subject) -> None:
    """A refused connection is a verdict, not a broken gate."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    subject.url = f"http://127.0.0.1:{port}"
    verdict = identity.judge(subject)
    assert not verdict.passed
    assert verdict.reason.startswith("/healthz was not answered: ")


def test_another_repo_has_a_health_path_of_its_own(repo: Repo) -> None:
    """It need not know about commits; it must answer 200, every time."""
    own = repo.candidate({}, kind="repo", health="/up")
    with answering_as(lambda _, path, __: (200 if path == "/up" else 404, b"fine")) as own.url:
        assert identity.judge(own).passed
    with answering_as(_told((200, b"fine"), (200, b"fine"), (500, b""))) as own.url:
        assert identity.judge(own).reason == "/up answered 500"
