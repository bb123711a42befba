"""Whether a measured gain is real: a bet against luck, pair by pair, until the answer is clear.

Pure. Only who won each pair counts, so a few wild values decide nothing. The bet is fair if
winning is no likelier than losing; a stake of one that has grown to 1/risk is luck with a
probability of at most `risk`, however often one looks (Ville's inequality). So looking after
every pair costs nothing, and a clear case ends early.
"""

from __future__ import annotations

import math
from enum import StrEnum
from functools import lru_cache
from typing import Protocol

RISK = 0.002  # that a change without a real gain is kept
HOPELESS_RISK = 0.1  # that a real gain is given up early
PAIRS_MAX = 100
STEPS = 64  # of the bets that the stake is spread over


class Wanted(Protocol):
    """What a measure asks for: `lower` or `higher`, and by which part of the base's."""

    @property
    def direction(self) -> str: ...
    @property
    def least_gain(self) -> float: ...


def wins(base: float, candidate: float, wanted: Wanted) -> bool:
    """Whether one pair shows the gain that is asked for."""
    gain = base - candidate if wanted.direction == "lower" else candidate - base
    return gain > 0 and gain >= abs(base) * wanted.least_gain


class Answer(StrEnum):
    KEEP = "keep"
    DROP = "drop"
    MORE = "more"


def decide(won: int, lost: int, pairs_max: int = PAIRS_MAX) -> Answer:
    """What `won` and `lost` pairs allow to say; a tie is a lost pair."""
    if stake(won, lost) >= 1 / RISK:
        return Answer.KEEP
    if stake(lost, won) >= 1 / HOPELESS_RISK or won + lost >= pairs_max:
        return Answer.DROP
    if best_case(won, lost, pairs_max) < 1 / RISK:
        return Answer.DROP
    return Answer.MORE


def best_case(won: int, lost: int, pairs_max: int) -> float:
    """The stake if every pair that is left were won."""
    return stake(pairs_max - lost, lost) if won + lost < pairs_max else stake(won, lost)


@lru_cache(maxsize=4096)
def stake(won: int, lost: int) -> float:
    """What one has grown to by betting on every pair, spread evenly over how sure one may be."""
    bets = (0.5 + 0.5 * (step + 0.5) / STEPS for step in range(STEPS))
    logs = [won * math.log(2 * bet) + lost * math.log(2 * (1 - bet)) for bet in bets]
    return sum(math.exp(log) for log in logs) / STEPS
