"""Which try is worth the next cent: Thompson sampling over what former tries brought. Pure.

Randomness is an argument, so a choice can be made again and be the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

COST_MIN = 1.0


@dataclass(frozen=True)
class Arm:
    """One way to go on: how often it paid, and what a try costs on average."""

    name: str
    won: float = 0.0
    lost: float = 0.0
    cost: float = COST_MIN

    def told(self, won: bool, weight: float = 1.0) -> Arm:
        return replace(self, won=self.won + weight * won, lost=self.lost + weight * (not won))


def choose(arms: Sequence[Arm], chance: Random) -> Arm:
    """The arm with the best sampled success for its cost; the first of equals."""
    if not arms:
        raise ValueError("there is nothing to choose from")
    drawn = [
        (chance.betavariate(arm.won + 1, arm.lost + 1) / max(arm.cost, COST_MIN), -place)
        for place, arm in enumerate(arms)
    ]
    return arms[-max(drawn)[1]]
