"""Which try is worth the next cent: Thompson sampling over what former tries brought. Pure.

Randomness is an argument, so a choice can be made again and be the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
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

    def told(self, won: bool) -> Arm:
        return replace(self, won=self.won + won, lost=self.lost + (not won))


def choose(arms: Sequence[Arm], chance: Random) -> Arm:
    """The arm with the best sampled success for its cost; the first of equals."""
    if not arms:
        raise ValueError("there is nothing to choose from")
    drawn = [
        (chance.betavariate(arm.won + 1, arm.lost + 1) / max(arm.cost, COST_MIN), -place)
        for place, arm in enumerate(arms)
    ]
    return arms[-max(drawn)[1]]


@dataclass(frozen=True)
class Judged:
    """What a race gave: who was kept, who was dropped, what is still unclear, what it took."""

    kept: tuple[str, ...]
    dropped: tuple[str, ...]
    unclear: tuple[str, ...]
    pairs: int


def race(
    names: Iterable[str],
    measure: Callable[[str], bool],
    decide: Callable[[int, int], str],
    pairs_max: int,
    chance: Random,
) -> Judged:
    """Spend pairs of measurements where they promise most, until each answer is clear.

    `measure` runs one pair and says whether the lineage won it; `decide` says keep, drop or more.
    """
    open_arms = {name: Arm(name) for name in names}
    ended: dict[str, list[str]] = {"keep": [], "drop": []}
    spent = 0
    while open_arms and spent < pairs_max:
        name = choose(list(open_arms.values()), chance).name
        arm = open_arms[name].told(measure(name))
        open_arms[name] = arm
        spent += 1
        answer = decide(int(arm.won), int(arm.lost))
        if answer in ended:
            ended[answer].append(name)
            del open_arms[name]
    return Judged(tuple(ended["keep"]), tuple(ended["drop"]), tuple(open_arms), spent)
