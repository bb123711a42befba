"""A verdict is for one merge on one main, whatever comes while it is made."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, cast

import pytest

from daemon.core.candidate import Candidate, Stage
from daemon.core.promotion import Answer, Promotion, State
from daemon.supervisor import judge, runnable
from daemon.supervisor.cycle import MERGES, Cycle
from daemon.supervisor.promoter import Promoter
from daemon.supervisor.world import World
from ops import rescue
from tests.supervisor.grown import grown


class Judged(Exception):
    """With what was to be judged."""


def drafted(world: World) -> Candidate:
    """One with a head of its own on the main of now."""
    main = world.main()
    head = world.history.commit(world.history.tree(main), [main], "Change nothing\n", 1)
    known: dict[str, Any] = {"state": Stage.DRAFTED, "head": head, "base": main}
    return Candidate(id="20260301T000000Z", goal="g", created=0, **known)


def test_main_may_move_between_merge_and_judgement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The judge is told of the main that the merge stands on: so the verdict is stale, and seen."""
    world = grown(tmp_path, 1, 0).world
    before, cases = world.main(), []

    async def build(*_: object) -> None:
        rescue.rollback(world.layout, None)

    async def judged(*told: Any) -> None:
        cases.append(told[-1])
        raise Judged

    monkeypatch.setattr(runnable, "build", build)
    monkeypatch.setattr(judge, "judge", judged)
    cycle = Cycle(world, cast(Any, None), cast(Any, None), cast(Any, None))
    with pytest.raises(Judged):
        asyncio.run(cycle.judge(drafted(world)))
    (case,) = cases
    assert world.main() != before
    assert (case.base, world.point(case.commit).parents[0]) == (before, before)


def test_a_merge_with_another_main_is_not_confirmed(tmp_path: Path) -> None:
    """Even with a card that names the main of now: its promotion would drop what came between."""
    world = grown(tmp_path, 1, 1).world
    merge = world.history.find(f"{MERGES}20260201T000000Z")
    assert merge is not None
    main = rescue.rollback(world.layout, None)["commit"]
    known: dict[str, Any] = {"merge": merge, "main": main, "former": world.serving()}
    promotion = Promotion(id="p1", state=State.JUDGED, candidate="c", when=1, **known)
    slots = type("Slots", (), {"fallen": None})()
    promoter = Promoter(world, cast(Any, slots), cast(Any, None))
    answer, changes = asyncio.run(promoter._confirm(promotion))
    assert answer is Answer.FAILED
    assert "another main" in changes["reason"]
