"""Where an author starts: at what serves, or, for a goal with a measure, at a promising former try.

A try that kept every promise and was only not better enough is a step on the way: what its
measure won is its promise, and Thompson sampling decides, so that no lineage is tried for ever.
"""

from __future__ import annotations

import json
from random import Random

from daemon.core.candidate import Candidate, Stage
from daemon.core.goal import Goal
from daemon.core.selection import Arm, choose
from daemon.supervisor.world import World
from fitness.acceptance import Acceptance, Measure
from fitness.gain import wins

CURRENT = "current"
LOOKED_BACK_MAX = 300
WEIGHT = 6.0  # tries that a measured promise is worth
ONLY_GOAL = "goal: no gain"


def start(world: World, candidate: Candidate, goal: Goal) -> str | None:
    """The commit of the lineage that is continued; None is what serves."""
    asked = Acceptance.model_validate(goal.acceptance).measure if goal.acceptance else None
    if asked is None:
        return None
    former = _former(world, candidate, goal)
    arms = [Arm(CURRENT, won=1.0, lost=1.0)]
    for one in former:
        share = _share(world, one, asked)
        if share is not None:
            arms.append(Arm(one.id, won=WEIGHT * share, lost=WEIGHT * (1 - share)))
    chosen = choose(arms, Random(candidate.id)).name
    heads = {one.id: one.head for one in former}
    return heads.get(chosen)


def _former(world: World, candidate: Candidate, goal: Goal) -> list[Candidate]:
    """Tries at this goal on the very same base that failed by nothing but their gain."""
    return [
        old
        for old in world.journal.candidates(limit=LOOKED_BACK_MAX)
        if old.wish is not None
        and old.wish.id == goal.id
        and old.state is Stage.REJECTED
        and old.base == candidate.base
        and old.head is not None
        and (old.reason or "").startswith(ONLY_GOAL)
        and world.history.find(old.ref) is not None
    ]


def _share(world: World, old: Candidate, measure: Measure) -> float | None:
    """The part of its pairs that it won by any gain at all."""
    path = world.layout.evidence / old.id / "goal.json"
    any_gain = measure.model_copy(update={"least_gain": 0.0})
    try:
        found = json.loads(path.read_bytes())
        pairs = found.get("pairs") or found["details"]["pairs"]
        won = [wins(float(base), float(tried), any_gain) for base, tried in pairs]
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return sum(won) / len(won) if won else None
