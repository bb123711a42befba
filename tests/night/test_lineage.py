"""A goal with a measure goes on from what was nearly good enough, but not for ever."""

from __future__ import annotations

import json
from pathlib import Path

from daemon.core.candidate import Candidate, Stage
from daemon.core.goal import Goal
from daemon.supervisor import lineage
from daemon.supervisor.world import World
from ops.history import History
from ops.records import RefChange
from tests.night.clock import Clock, a_world

MEASURE = {"measure": {"command": ["python3", "m.py"], "least_gain": 0.2}}
GOAL = Goal(id="g1", text="be quick", acceptance=MEASURE)


def a_try(world: World, name: str, pairs: list[list[float]], **more: object) -> Candidate:
    """A rejected try of the goal, with its branch and its pairs."""
    tree = world.history.write_tree([])
    head = world.history.commit(tree, [], f"try {name}", 1)
    fields = {"state": Stage.REJECTED, "goal": "be quick", "wish": GOAL, "created": 1, **more}
    fields = {"base": "b", "head": head, "reason": "goal: no gain of 20% beyond noise", **fields}
    old = Candidate.model_validate({"id": name, **fields})
    world.history.move([RefChange(old.ref, head, None)])
    world.journal.save_candidate(old)
    folder = world.layout.evidence / name
    folder.mkdir()
    (folder / "goal.json").write_text(json.dumps({"pairs": pairs}))
    return old


def started(world: World, goal: Goal = GOAL) -> list[str | None]:
    """Where forty further tries would start."""
    fresh = [Candidate(id=f"n{n}", goal="g", created=2, base="b") for n in range(40)]
    return [lineage.start(world, one, goal) for one in fresh]


def test_a_try_that_was_nearly_good_enough_is_continued(tmp_path: Path) -> None:
    """More often than the base, which is still tried now and then; a bad one hardly ever."""
    History.create(tmp_path / "repo.git")
    world = a_world(tmp_path, Clock())
    near = a_try(world, "near", [[10.0, 9.0]] * 8)
    bad = a_try(world, "bad", [[10.0, 11.0]] * 8)
    found = started(world)
    assert found.count(near.head) > found.count(None) > found.count(bad.head)
    assert found == started(world)


def test_what_broke_a_promise_or_stands_elsewhere_is_not(tmp_path: Path) -> None:
    """Another base, another gate, a goal without a measure: one starts at what serves."""
    History.create(tmp_path / "repo.git")
    world = a_world(tmp_path, Clock())
    a_try(world, "old", [[10.0, 9.0]] * 8, base="a")
    a_try(world, "broken", [[10.0, 9.0]] * 8, reason="tests: 1 failed")
    assert set(started(world)) == {None}
    assert set(started(world, GOAL.model_copy(update={"acceptance": None}))) == {None}
