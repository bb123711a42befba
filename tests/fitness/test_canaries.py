"""The canaries: one at least for every gate, each bad in main as it is, and none let through."""

from __future__ import annotations

from pathlib import Path

import pytest

from fitness import gates
from fitness.canaries import CANARIES, RECENT, Canary
from fitness.gates import replay
from tests.fitness.case import ROOT
from tests.journeys.conftest import home, org_repo
from tests.journeys.instance import Home, running

__all__ = ["home", "org_repo"]
SECONDS = 1_800.0


def _read(path: str) -> bytes | None:
    file = ROOT / path
    return file.read_bytes() if file.exists() else None


def test_every_gate_has_a_canary() -> None:
    """And every canary a gate; there are more than a dozen, by different names."""
    names = {gate.name for gate in gates.SUITE}
    assert {canary.gate for canary in CANARIES} == names
    assert len({canary.name for canary in CANARIES}) == len(CANARIES) >= 12


def test_there_is_something_to_replay_whatever_users_asked() -> None:
    """The requests that all canaries are judged by can be read, as many as are replayed."""
    assert len(replay.recent(ROOT / RECENT)) == replay.REPLAYED_MAX


@pytest.mark.parametrize("canary", CANARIES, ids=lambda one: one.name)
def test_a_canary_changes_main_as_it_is(canary: Canary) -> None:
    """What it builds on is there, and what it writes is new."""
    for path, data in canary.files(_read).items():
        before = _read(path)
        assert data != before
        if path in dict(canary.added) or data is None:
            assert before is not None, f"{path} is gone: {canary.name} no longer tries anything"
        if data is not None and path.endswith(".py") and canary.name != "no Python":
            compile(data, path, "exec")


@pytest.mark.attack
def test_no_canary_is_let_through(home: Home, org_repo: Path) -> None:
    """Judged one after the other by the gates that serve, beside a current that goes on."""
    with running(home, org_repo):
        answered = home.orgctl("fitness", "--canaries", "--json", seconds=SECONDS)
        rows = answered.json["canaries"]
        assert [row for row in rows if not row["rejected"]] == []
        assert answered.code == 0
        assert len(rows) == len(CANARIES)
        assert home.get("/healthz").status_code == 200
