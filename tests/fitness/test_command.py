"""A gate that another repo named: its command, in a cell, in a copy of the candidate."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from fitness import approval
from fitness.gates import command, paths
from fitness.subject import GateCommand
from tests.fitness.case import WORDS, Repo

SERVICE: dict[str, str | None] = {
    "pyproject.toml": None,
    "words.py": WORDS,
    "check.sh": "echo x > made-by-the-gate; test -s words.py\n",
}


@pytest.mark.parametrize(
    ("argv", "limit", "reason"),
    [
        (["sh", "check.sh"], 20, None),
        (["sh", "-c", "echo bad words; exit 4"], 20, "the command ended with 4: bad words"),
        (["sleep", "60"], 0.5, "the command was stopped at its wall limit: it said nothing"),
        (["sh", "-c", "sh -c 'kill -9 $$'"], 20, "the command "),  # 137, or the signal itself
        (["no-such-program"], 20, "the command ended with"),
    ],
)
def test_another_repos_gates_run_in_a_copy(
    repo: Repo, argv: list[str], limit: float, reason: str | None
) -> None:
    """Exit 0 passes; what it writes is thrown away; the reason is its last line."""
    asked = [{"name": "words", "command": argv, "limit_seconds": limit}]
    subject = repo.release(SERVICE, kind="repo", gates=asked)
    verdict = command.judge(subject, subject.job.gates[0])
    assert verdict.name == "words"
    assert verdict.passed == (reason is None), verdict
    assert verdict.reason.startswith(reason or "the command succeeded")
    assert not (subject.job.candidate_dir / "made-by-the-gate").exists()
    assert not list(subject.job.evidence.glob("*.scratch"))


GUARDED = {"check.sh": "grep -q 'def count' words.py && test -s tests/core/test_words.py\n"}


@pytest.mark.parametrize("words", [WORDS, "broken("], ids=["healthy", "broken"])
@pytest.mark.parametrize(
    "changed", [{}, {"check.sh": "exit 0\n", "tests/core/test_words.py": None}]
)
def test_what_a_repo_protects_is_judged_as_main_has_it(
    repo: Repo, words: str, changed: dict[str, str | None]
) -> None:
    """The script and the tests of its gates: whoever changes them is judged by the old ones."""
    main = repo.candidate(GUARDED).commit
    asked = [{"name": "words", "command": ["sh", "check.sh"], "limit_seconds": 20}]
    guarded = Repo(repo.home, repo.history, main)
    job = {"kind": "repo", "gates": asked, "protected": ["check.sh", "tests"]}
    subject = guarded.release({**GUARDED, "words.py": words, **changed}, **job)
    verdict = command.judge(subject, subject.job.gates[0])
    assert verdict.passed is (words == WORDS), verdict
    waits = approval.asked(repo.history, main, subject.commit, subject.job.protected)
    assert bool(waits) is bool(changed)
    assert waits is None or waits in paths.judge(subject).reason


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "a b", "x" * 65])
def test_a_gate_has_a_name_that_can_name_its_evidence(name: str) -> None:
    """It becomes a file name below the evidence folder, and nothing else."""
    with pytest.raises(ValidationError):
        GateCommand(name=name, command=("true",))
