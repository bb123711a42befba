"""What the machine could not do is a no, and none that is held against the candidate."""

from __future__ import annotations

import errno
import json
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from fitness import jury
from fitness.beside import CURRENT, Unserved, beside
from fitness.gates import Gate
from fitness.subject import Subject
from fitness.verdict import Unjudged, Verdict
from ops.mounts import Mount
from tests.fitness.case import Repo


def told_judged(subject: Subject, judge: Any, served: bool = False) -> bool:
    """What the jury says of such a gate's no."""
    ours, theirs = socket.socketpair()
    gate = Gate("odd", "Is it odd?", "work", 10.0, served, judge)
    with ours, theirs, theirs.makefile("r") as stream, ours.makefile("r") as ear:
        assert not jury.score(subject, jury.Line(theirs, stream), gate).passed
        theirs.shutdown(socket.SHUT_WR)
        said = [json.loads(line) for line in ear]
    return bool(said[-1]["judged"])


@pytest.mark.parametrize(
    ("broken", "judged"),
    [
        (Unjudged("no broker"), False),
        (OSError(errno.ENOSPC, "No space left on device"), False),
        (OSError(errno.EMFILE, "Too many open files"), False),
        (ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"), True),
        (RuntimeError("what it read made no sense"), True),
    ],
)
def test_a_gate_that_breaks_says_whose_doing_it_was(
    repo: Repo, broken: Exception, judged: bool
) -> None:
    """A full disk is nobody's fault; a connection that breaks may be the candidate's."""

    def breaks(_: Subject) -> Verdict:
        raise broken

    assert told_judged(repo.candidate({}), breaks) is judged


@pytest.mark.parametrize("excused", [True, False])
def test_who_is_not_served_may_be_excused(repo: Repo, excused: bool) -> None:
    """Where the supervisor says that it was none of its doing."""
    subject = repo.candidate({})
    subject.unserved, subject.excused = "it is not there", excused
    assert told_judged(subject, None, served=True) is not excused


def test_a_cell_that_cannot_be_made_judges_nobody(
    repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No engine answers, or the walls refuse; a command that fails inside is the candidate's."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    with pytest.raises(Unjudged, match=r"none\.sock"):
        repo.candidate({}, backend="docker").cell(("true",), (), 10.0)
    subject = repo.candidate({})
    with pytest.raises(Unjudged, match="its cell could not be made"):
        subject.cell(("true",), (Mount(tmp_path / "gone", Path("/gone")),), 10.0)
    assert subject.cell(("false",), (), 10.0).exit == 1


@pytest.mark.parametrize(("ours", "error"), [(True, Unjudged), (False, Unserved)])
def test_a_pair_that_is_not_there_is_told_by_whose_fault(
    ours: bool, error: type[Exception]
) -> None:
    """A gate answers for the candidate's, the jury for the machine's."""

    def need(_: str, **__: object) -> Mapping[str, Any]:
        return {"failed": "the broker is not running", "ours": ours}

    with pytest.raises(error, match="broker"), beside(need, "odd", (CURRENT,)):
        pass
