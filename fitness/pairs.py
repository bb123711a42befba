"""Is the candidate slower than current, beyond the noise of the very measurements? Pure.

Both are measured in pairs, one right after the other, so that what disturbs the machine
disturbs both. The estimate is the median of all averages of two log ratios (Hodges and
Lehmann), with the interval that the signed-rank test gives: neither needs the noise to be
normal, and a few wild pairs move them little.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median

CONFIDENCE = 0.99
DEVIATIONS = 2.576  # of a normal distribution, two-sided, for that confidence
PAIRS_MIN = 10  # fewer cannot say anything with that confidence

Pair = tuple[float, float]  # current's measure, then the candidate's; both above zero


class Finding(StrEnum):
    """Where the whole interval lies, seen from the limit."""

    WITHIN = "within"
    BEYOND = "beyond"
    UNSURE = "unsure"


@dataclass(frozen=True)
class Estimate:
    """How many times current's measure the candidate's is, and between what with CONFIDENCE."""

    ratio: float
    low: float
    high: float
    pairs: int

    def against(self, ratio_max: float) -> Finding:
        if self.high <= ratio_max:
            return Finding.WITHIN
        return Finding.BEYOND if self.low > ratio_max else Finding.UNSURE

    def shown_worse(self, ratio_max: float) -> bool:
        """For when no more pairs may be taken: over the limit, and surely worse than current."""
        return self.ratio > ratio_max and self.low > 1.0

    @property
    def bounded(self) -> bool:
        """Whether there were enough pairs for an interval."""
        return math.isfinite(self.high)

    def __str__(self) -> str:
        sure = f"{CONFIDENCE:.0%} sure of {self.low:.2f} to {self.high:.2f}"
        return f"{self.ratio:.2f} times current's ({sure}, {self.pairs} pairs)"


def estimate(pairs: Sequence[Pair]) -> Estimate:
    """Of the ratio; with too few pairs the interval has no ends."""
    logs = [math.log(candidate / current) for current, candidate in pairs]
    walsh = sorted((a + b) / 2 for at, a in enumerate(logs) for b in logs[at:])
    count = len(logs)
    spread = math.sqrt(count * (count + 1) * (2 * count + 1) / 24)
    rank = math.floor(count * (count + 1) / 4 - DEVIATIONS * spread)
    low, high = (walsh[rank - 1], walsh[-rank]) if rank >= 1 else (-math.inf, math.inf)
    return Estimate(math.exp(median(walsh)), math.exp(low), math.exp(high), count)


def growth(current: Sequence[float], candidate: Sequence[float]) -> float:
    """By how much more the candidate grows a round than current does.

    The median over rounds: a leak grows in each of them, a cache or a pool only at first.
    """
    return median(candidate) - max(0.0, median(current))
