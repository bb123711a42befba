"""What is kept is better, beyond luck: laws of the bet, and a thousand simulated nights."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.core.selection import Arm, choose
from fitness.gain import PAIRS_MAX, RISK, Answer, decide, stake
from tests.night.nights import POLICIES, simulate

NIGHTS = 1000
COUNTS = st.integers(min_value=0, max_value=PAIRS_MAX)


@pytest.fixture(scope="module")
def figures() -> dict[str, dict[str, float]]:
    return {name: simulate(policy, NIGHTS) for name, policy in POLICIES.items()}


def test_under_one_percent_of_what_is_kept_is_no_gain(
    figures: dict[str, dict[str, float]],
) -> None:
    """Over 1,000 nights, heavy tails and hiccups of the machine included."""
    assert figures["org"]["false_kept_per_kept"] < 0.01
    assert figures["org"]["false_kept_per_idle"] < 0.01


def test_true_gains_are_found_while_others_drown_them(
    figures: dict[str, dict[str, float]],
) -> None:
    """Nearly half of them in one night, the small ones included; the others keep mostly luck."""
    assert figures["org"]["true_found"] > 0.4
    for other in ("greedy", "averaging", "random"):
        assert figures[other]["false_kept_per_kept"] > 0.5


def test_the_same_chance_makes_the_same_choices() -> None:
    assert simulate(POLICIES["org"], 20) == simulate(POLICIES["org"], 20)


def test_a_bet_on_luck_does_not_pay() -> None:
    """Ville's law, counted: of fair walks looked at after every pair, at most RISK are kept."""
    kept, walks = 0, 4000
    chance = Random(7)
    for _ in range(walks):
        won = lost = 0
        while (answer := decide(won, lost)) is Answer.MORE:
            hit = chance.random() < 0.5
            won, lost = won + hit, lost + (not hit)
        kept += answer is Answer.KEEP
    assert kept / walks <= RISK * 2  # twice: this is a sample


@given(COUNTS, COUNTS)
def test_another_win_never_hurts(won: int, lost: int) -> None:
    assert stake(won + 1, lost) * (1 + 1e-9) >= stake(won, lost) * (won >= lost)
    assert decide(PAIRS_MAX, 0) is Answer.KEEP
    assert decide(won, max(lost, won, 1)) is not Answer.KEEP


def test_chance_prefers_what_paid() -> None:
    """Often, but not always: an arm nobody tried is tried now and then."""
    arms = [Arm("old", won=8, lost=2), Arm("bad", won=1, lost=9), Arm("new")]
    chance = Random(3)
    drawn = [choose(arms, chance).name for _ in range(500)]
    assert drawn.count("old") > drawn.count("new") > drawn.count("bad")
    assert choose([Arm("cheap", 5, 5), Arm("dear", 5, 5, cost=1000)], chance).name == "cheap"
