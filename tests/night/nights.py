"""Simulated nights with known true effects: what a policy keeps, finds and spends."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from fitness.acceptance import Measure as Asked
from fitness.gain import Answer, decide

CANDIDATES = 12  # that a night's authors bring
PAIRS = 240  # that a night can pay for
PAIRS_EACH = Asked(command=("measure",)).pairs_max  # what a goal gets when it says nothing
LEAST = 0.0
# What small authors bring: mostly nothing, sometimes harm, rarely a gain; in units of the noise.
EFFECTS = ((0.62, 0.0), (0.23, -1.0), (0.10, 0.6), (0.05, 1.5))
Measure = Callable[[str], float]
Policy = Callable[[Sequence[str], Measure, Random], set[str]]


@dataclass
class Tally:
    kept: int = 0
    false: int = 0
    true: int = 0
    found: int = 0
    idle: int = 0
    pairs: int = 0

    def figures(self) -> dict[str, float]:
        return {
            "false_kept_per_kept": self.false / max(1, self.kept),
            "false_kept_per_idle": self.false / max(1, self.idle),
            "true_found": self.found / max(1, self.true),
            "pairs_per_found": self.pairs / max(1, self.found),
        }


def ours(names: Sequence[str], measure: Measure, _: Random) -> set[str]:
    """As org judges: in order, pair by pair, until a bet against luck is clear."""
    kept, spent = set(), 0
    for name in names:
        won = lost = 0
        while spent < PAIRS and decide(won, lost, PAIRS_EACH) is Answer.MORE:
            better = measure(name) > LEAST
            won, lost, spent = won + better, lost + (not better), spent + 1
        if decide(won, lost, PAIRS_EACH) is Answer.KEEP:
            kept.add(name)
    return kept


def greedy(names: Sequence[str], measure: Measure, _: Random) -> set[str]:
    """What looked better once is kept, as most loops do it."""
    return {name for name in names if measure(name) > LEAST}


def averaging(names: Sequence[str], measure: Measure, _: Random) -> set[str]:
    """The night's pairs spread evenly, then the mean decides."""
    share = PAIRS // len(names)
    means = {name: sum(measure(name) for _ in range(share)) / share for name in names}
    return {name for name, mean in means.items() if mean > LEAST}


def at_random(names: Sequence[str], _: Measure, chance: Random) -> set[str]:
    return {name for name in names if chance.random() < 0.5}


POLICIES: Mapping[str, Policy] = {
    "org": ours,
    "greedy": greedy,
    "averaging": averaging,
    "random": at_random,
}


def simulate(policy: Policy, nights: int, seed: int = 1) -> dict[str, float]:
    """The figures of `policy` over many nights; the same nights for every policy."""
    tally = Tally()
    for night in range(nights):
        _one(policy, Random(f"{seed}/{night}"), tally)
    return tally.figures()


def _one(policy: Policy, chance: Random, tally: Tally) -> None:
    weights = [weight for weight, _ in EFFECTS]
    drawn = chance.choices([effect for _, effect in EFFECTS], weights, k=CANDIDATES)
    effects = {f"c{place}": effect for place, effect in enumerate(drawn)}

    def measure(name: str) -> float:
        """One pair: heavy tails and now and then a hiccup of the machine, on either side."""
        tally.pairs += 1
        hiccup = chance.gauss(0, 20) if chance.random() < 0.05 else 0.0
        return effects[name] + chance.gauss(0, 1) + hiccup

    kept = policy(list(effects), measure, chance)
    good = {name for name, effect in effects.items() if effect > LEAST}
    tally.kept += len(kept)
    tally.false += len(kept - good)
    tally.found += len(kept & good)
    tally.true += len(good)
    tally.idle += len(effects) - len(good)
