"""A small repo with a main and candidates on it, exported and ready to be judged; and liars."""

from __future__ import annotations

import contextlib
import hashlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http.server import ThreadingHTTPServer
from pathlib import Path

from fitness.subject import Job, Subject
from ops.history import History
from ops.worktree import export
from tests.serving import Handler, serving

ROOT = Path(__file__).resolve().parents[2]
WHEN = 1_700_000_000
CHAT = "/v1/chat/completions"
WORDS = '''"""Counting."""


def count(text: str) -> int:
    """How many words."""
    return len(text.split())
'''
TESTS = '''"""Counting, tested."""

import pytest

from daemon.core.words import count


def test_two() -> None:
    assert count("a b") == 2


@pytest.mark.parametrize("text", ["", " "])
def test_none(text: str) -> None:
    assert count(text) == 0


@pytest.mark.skip(reason="not on this machine")
def test_elsewhere() -> None:
    raise AssertionError
'''
MAIN: dict[str, str] = {
    "pyproject.toml": (ROOT / "pyproject.toml").read_text(),
    "README.md": "# words\n",
    "daemon/__init__.py": "",
    "daemon/core/__init__.py": "",
    "daemon/core/words.py": WORDS,
    "daemon/core/other.py": '"""Something else."""\n',
    "fitness/__init__.py": "",
    "tests/core/test_words.py": TESTS,
    "tests/core/conftest.py": '"""Nothing yet."""\n',
    "tests/journeys/test_far.py": "def test_far() -> None:\n    pass\n",
}
WORSE = WORDS.replace("len(text.split())", "min(1, len(text.split()))")
# From where a test calls it, it finds pytest, reports in its name that all passed, and leaves.
FORGES = (
    WORDS
    + """

def count(text: str) -> int:
    import gc
    import os

    from _pytest.main import Session
    from _pytest.reports import TestReport

    for session in [one for one in gc.get_objects() if type(one) is Session]:
        for item in session.items:
            said = TestReport(item.nodeid, ("", 0, ""), {}, "passed", None, "call")
            item.ihook.pytest_runtest_logreport(report=said)
    os._exit(0)
"""
)
# It has every test pass, and lets the run come to its end.
EMPTIES = (
    WORSE
    + """

import sys

if "pytest" in sys.modules:
    import _pytest.python

    _pytest.python.Function.runtest = lambda self: None
"""
)
Written = str | bytes | tuple[str, bytes] | None  # None takes away; a pair gives the mode too
Changes = Mapping[str, Written]


@dataclass
class Repo:
    """main, and what was judged on it; baselines are shared by all of its candidates."""

    home: Path
    history: History
    base: str

    def release(self, changes: Changes, **job: object) -> Subject:
        """A candidate with its tree and main's on disk."""
        subject = self.candidate(changes, **job)
        export(self.history, subject.job.commit, subject.job.candidate_dir)
        export(self.history, self.base, subject.job.base_dir)
        return subject

    def candidate(self, changes: Changes, **job: object) -> Subject:
        """A candidate that is known to git alone."""
        commit = _commit(self.history, [self.base], {**MAIN, **changes})
        evidence = self.home / "evidence" / commit[:12]
        evidence.mkdir(parents=True, exist_ok=True)
        asked: dict[str, object] = {
            "kind": "org",
            "commit": commit,
            "base": self.base,
            "candidate_dir": self.home / "releases" / commit,
            "base_dir": self.home / "releases" / self.base,
            "repo": self.history.repo,
            "python": Path(sys.executable),
            "home": self.home,
            "evidence": evidence,
            "backend": "bubblewrap",
        }
        return Subject(Job.model_validate(asked | job))


def make_repo(home: Path) -> Repo:
    (home / "releases").mkdir()
    history = History.create(home / "repo.git")
    return Repo(home, history, _commit(history, [], MAIN))


def _commit(history: History, parents: list[str], files: Changes) -> str:
    rows, blobs = [], {}
    for path, written in sorted(files.items()):
        if written is None:
            continue
        mode, data = written if isinstance(written, tuple) else ("100644", written)
        data = data.encode() if isinstance(data, str) else data
        oid = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
        blobs[oid] = data
        rows.append((mode, oid, path))
    history.write_blobs(blobs)
    return history.commit(history.write_tree(rows), parents, "a change", WHEN)


Answer = tuple[int, object]  # bytes go as they are, anything else as JSON
Answering = Callable[[str, str, bytes], Answer]


@contextlib.contextmanager
def answering_as(answering: Answering) -> Iterator[str]:
    """A real HTTP server that answers (method, path, body) as told; gives its URL."""

    class Answers(Handler):
        def respond(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            status, told = answering(self.command, self.path, body)
            data = told if isinstance(told, bytes) else json.dumps(told).encode()
            self.send(status, data)

        do_GET = do_POST = respond

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    with serving(server):
        yield f"http://127.0.0.1:{server.server_address[1]}"


def health(commit: str, **more: object) -> dict[str, object]:
    """What a healthy candidate says of itself."""
    plain = {"status": "ok", "slot": "candidate", "tag": None, "pid": 2, "uptime_s": 0.5}
    return {**plain, "commit": commit, **more}


def _error(status: int) -> Answer:
    return status, {"error": {"message": "no", "type": "invalid_request_error", "code": None}}


def honest(method: str, path: str, body: bytes) -> Answer:
    """The least that keeps every promise, without a model."""
    pages: dict[str, Answer] = {
        "/": (200, b"<html>"),
        "/healthz": (200, health("c" * 40)),
        "/readyz": (200, {}),
        "/v1/models": (200, {"object": "list", "data": [{"id": "m"}]}),
    }
    if path == CHAT:
        return _error(400) if method == "POST" else _error(405)
    return pages.get(path, _error(404))
