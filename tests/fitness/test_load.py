"""The load gate on real processes: as quick as current passes, slower or leaking does not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fitness.gates import load
from tests.fitness.case import Repo
from tests.fitness.neighbour import Faults, neighbours

MILLISECOND = 0.001
BAD: dict[str, tuple[Faults, str]] = {
    "30 percent slower": ({"seconds": 3.3 * MILLISECOND}, "takes 1."),
    "a megabyte a request": ({"leak": 2**20}, "each request of /healthz leaves 10"),
    "reserved and never touched, by one kind": (
        {"untouched": 2**20, "leaks_at": "/v1/models"},
        "each request of /v1/models leaves 10",
    ),
    "a megabyte a request in a file without a name": (
        {"nameless": 2**20, "leaks_at": "/v1/models"},
        "each request of /v1/models leaves 10",
    ),
    "work that nobody asked for": ({"spins": True}, "for what current does in"),
    "descriptors": ({"descriptors": True}, "descriptors stay open"),
    "errors": ({"status": 500}, "/v1/models answered 500 under load"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_candidate_that_does_worse_is_caught(repo: Repo, name: str) -> None:
    """Compared with current, which answers the same requests in the same moments."""
    faults, reason = BAD[name]
    old = {"seconds": 2 * MILLISECOND} if "seconds" in faults else {}
    with neighbours(old, faults) as need:
        verdict = load.judge(replace(repo.candidate({}), need=need))
    assert not verdict.passed, verdict
    assert reason in verdict.reason or "status" in faults, verdict
    # Only what is slow is measured a second time, with fresh processes.
    assert need.needs.count("beside") == (2 if "seconds" in faults else 1)


@pytest.mark.parametrize("faults", [{}, {"leak": 2**16, "status": 503}])
def test_what_current_does_too_is_not_held_against_the_candidate(
    repo: Repo, faults: Faults
) -> None:
    """Unchanged code passes, and says how sure that is; so does one fault that both have."""
    with neighbours(faults, faults) as need:
        verdict = load.judge(replace(repo.candidate({}), need=need))
    assert verdict.passed, verdict
    assert "times current's (99% sure of " in verdict.reason
    measures = verdict.details["measures"]
    assert isinstance(measures, dict)
    assert list(measures) == [request.name for request in load.requests()]
    assert all(0 < one["low"] <= one["ratio"] <= one["high"] for one in measures.values())


def test_a_candidate_that_cannot_be_compared_has_not_passed(repo: Repo) -> None:
    """Nobody to ask, or one that does not start: the reason says so."""
    verdict = load.judge(repo.candidate({}))
    assert not verdict.passed
    assert verdict.reason.startswith("it cannot be compared with current: nobody is here")
