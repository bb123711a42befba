"""The faults gate on real processes: who dies of what current survives has not passed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fitness.gates import faults as gate
from tests.fitness.case import Repo
from tests.fitness.neighbour import Faults, neighbours

BAD: dict[str, tuple[Faults, str]] = {
    "dies of rubbish": ({"dies_of_rubbish": True}, "rubbish: after message"),
    "needs its disk": ({"writes": True}, "a full disk: it does not start: it could not write"),
    "does not end": ({"deaf": True}, "a sudden end: asked to end, it goes on for more than"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_candidate_that_a_fault_ends_is_caught(repo: Repo, name: str) -> None:
    """And told by which; the same weakness of current would excuse it."""
    bad, reason = BAD[name]
    with neighbours({}, bad) as need:
        verdict = gate.judge(replace(repo.candidate({}), need=need))
    assert not verdict.passed
    assert verdict.reason.startswith(reason), verdict
    if name == "needs its disk":
        with neighbours(bad, bad) as need:
            verdict = gate.judge(replace(repo.candidate({}), need=need))
        assert verdict.passed, verdict
        assert "a full disk (current does not either)" in verdict.reason


def test_one_that_lives_on_passes(repo: Repo) -> None:
    """Through all of it."""
    with neighbours({}, {}) as need:
        verdict = gate.judge(replace(repo.candidate({}), need=need))
    assert verdict.passed, verdict
    assert verdict.reason == "it lives through rubbish, a full disk, a sudden end"


def test_rubbish_is_the_same_each_time() -> None:
    """A verdict must not depend on luck."""
    assert gate.rubbish() == gate.rubbish()
