"""The types gate: faults that main does not have, by file and line."""

from __future__ import annotations

import pytest

from fitness.gates import types as gate
from fitness.subject import Subject
from fitness.verdict import Verdict
from tests.fitness.case import WORDS, Changes, Repo

MODULE = "daemon/core/words.py"
OTHER = "daemon/core/other.py"
WRONG = '"""Something else."""\n\nfrom daemon.core.words import count\n\nN: str = count("a")\n'
BAD: dict[str, tuple[Changes, str]] = {
    "a wrong type": ({OTHER: WRONG}, f"{OTHER}:5: Incompatible types in assignment"),
    "no annotation": (
        {OTHER: "def f(x):\n    return x\n"},
        f"{OTHER}:1: Function is missing a type",
    ),
    "no Python": ({OTHER: "def\n"}, f"{OTHER}:1: Expected an identifier"),
    "settings of its own": (
        {"mypy.ini": "[mypy]\nignore_errors = True\n", OTHER: WRONG},
        f"{OTHER}:5: Incompatible types",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_new_fault_is_told_by_file_and_line(repo: Repo, name: str) -> None:
    """By main's settings, whatever the candidate says of them."""
    changes, reason = BAD[name]
    verdict = gate.judge(repo.release(changes))
    assert not verdict.passed
    assert verdict.reason.startswith(reason), verdict


def test_main_itself_and_what_keeps_its_types_pass(repo: Repo) -> None:
    """Also when the settings name a package that the tree does not have."""
    for changes in ({}, {MODULE: WORDS.replace("How many", "The number of")}):
        verdict = gate.judge(repo.release(changes))
        assert verdict.passed, verdict


def test_a_fault_that_main_has_too_is_not_held_against_the_candidate(repo: Repo) -> None:
    """Nor when it moved to another line; a further one is."""
    faulty = repo.release({OTHER: WRONG}).job
    on = {"base": faulty.commit, "base_dir": faulty.candidate_dir}

    def judged(text: str) -> Verdict:
        job = repo.release({OTHER: text}).job
        return gate.judge(Subject(job.model_copy(update=on)))

    moved = judged(WRONG.replace("N:", "\nN:"))
    assert moved.passed, moved
    assert "that main has too" in moved.reason
    further = judged(WRONG + "M: int = 'b'\n")
    assert not further.passed
    assert further.reason.startswith(f"{OTHER}:6: ")


def test_what_is_kept_of_each_commit_is_bounded(repo: Repo) -> None:
    """A cache a commit makes the next check quick; only the newest stay."""
    for number in range(gate.CACHES_MAX + 1):
        subject = repo.release({OTHER: f'"""Something else."""\n\nN = {number}\n'})
        assert gate.judge(subject).passed
    kept = {path.name for path in subject.baselines.glob("types-*")}
    assert len(kept) == gate.CACHES_MAX
    assert f"types-{subject.commit}" in kept
    assert not list(subject.job.evidence.glob("*.scratch"))
