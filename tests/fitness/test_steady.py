"""Flaky gates: two verdicts on one commit are told, and a no is never turned into a yes."""

from __future__ import annotations

from pathlib import Path

import pytest

from fitness import steady
from fitness.scorecard import Score, Scorecard

COMMIT, BASE = "c" * 40, "b" * 40


def _card(passed: bool, *, suite: str = "s" * 64, base: str = BASE) -> Scorecard:
    rows = tuple(
        Score(name=name, stage="work", passed=good, seconds=1.0, reason=f"{name} says so")
        for name, good in (("paths", True), ("load", passed))
    )
    return Scorecard(
        commit=COMMIT,
        base=base,
        suite=suite,
        expected=("paths", "load"),
        passed=passed,
        gates=rows,
    )


def test_the_same_verdict_again_is_no_news(tmp_path: Path) -> None:
    """Yes and yes, no and no: the card is as it was given."""
    for passed in (True, True):
        assert steady.weigh(tmp_path, _card(passed)) == (_card(passed), ())
    assert steady.named(tmp_path) == ()


@pytest.mark.parametrize("first", [True, False])
def test_another_verdict_on_the_same_commit_is_flaky_and_a_no(tmp_path: Path, first: bool) -> None:
    """Whichever came first; also the time after."""
    assert steady.weigh(tmp_path, _card(first)) == (_card(first), ())
    card, found = steady.weigh(tmp_path, _card(not first))
    assert [one.gate for one in found] == ["load"]
    assert not card.passed
    assert [row.passed for row in card.gates] == [True, False]
    assert "load says so" in card.gates[1].reason
    assert steady.named(tmp_path) == found
    again, _ = steady.weigh(tmp_path, _card(True))
    assert not again.passed
    assert again.gates[1].reason == "flaky: on this very commit it said no before: load says so"


@pytest.mark.parametrize("first", [True, False])
def test_a_no_of_the_machines_own_is_forgotten(tmp_path: Path, first: bool) -> None:
    """It rejects now; it neither stands, nor makes a gate flaky, nor takes an earlier no away."""
    steady.weigh(tmp_path, _card(first))
    card, found = steady.weigh(tmp_path, _card(False), {"load"})
    assert (card.passed, found) == (False, ())
    assert steady.weigh(tmp_path, _card(True))[0].passed is first
    fresh = _card(False, base="e" * 40)
    steady.weigh(tmp_path, fresh, {"load"})
    assert steady.weigh(tmp_path, _card(True, base="e" * 40)) == (_card(True, base="e" * 40), ())


@pytest.mark.parametrize("other", [{"suite": "t" * 64}, {"base": "d" * 40}])
def test_another_judge_or_another_base_may_say_something_else(
    tmp_path: Path, other: dict[str, str]
) -> None:
    """Then it is another question."""
    steady.weigh(tmp_path, _card(False))
    card, found = steady.weigh(tmp_path, _card(True, **other))
    assert card.passed
    assert not found


def test_what_is_kept_is_bounded(tmp_path: Path) -> None:
    """The oldest verdicts are forgotten."""
    folder = tmp_path / steady.VERDICTS
    folder.mkdir()
    for number in range(steady.FILES_MAX + 3):
        (folder / f"{number}-old.json").write_text("[]")
    steady.weigh(tmp_path, _card(True))
    kept = list(folder.glob("*-*.json"))
    assert len(kept) == steady.FILES_MAX
    assert any(path.name.startswith(COMMIT) for path in kept)
