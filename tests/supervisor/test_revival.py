"""What outlives its supervisor is taken up a few times, and not for ever."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, cast

import pytest

from daemon.core.candidate import Candidate, Stage
from daemon.core.goal import Goal
from daemon.supervisor import budgets, recovery, worked
from daemon.supervisor.cycle import Cycle
from daemon.supervisor.revival import FACT, TAKEN_UP_MAX, Revival, may_go_on
from tests.supervisor.grown import grown


class Taken:
    """In place of the cycle: which candidates it was given."""

    def __init__(self) -> None:
        self.names: list[str] = []

    async def take_up(self, candidate: Candidate) -> None:
        self.names.append(candidate.id)


@pytest.mark.parametrize("stage", [Stage.DRAFTED, Stage.BUILT, Stage.JUDGED])
def test_it_is_taken_up_a_few_times(stage: Stage, tmp_path: Path) -> None:
    """One that was there at so many deaths may be what causes them: it is left alone."""
    world = grown(tmp_path, 0, 0).world
    known: dict[str, Any] = {"wish": Goal(id="g", text="g"), "base": world.main()}
    candidate = Candidate(id="20260301T000000Z", state=stage, goal="g", created=0, **known)
    world.journal.save_candidate(candidate)
    taken = Taken()
    asyncio.run(Revival(world, cast(Cycle, taken)).run())
    assert taken.names == [candidate.id]
    assert world.journal.fact(FACT + candidate.id) is None  # it came to its end
    world.journal.set_fact(FACT + candidate.id, str(TAKEN_UP_MAX))
    assert not may_go_on(world, candidate)
    asyncio.run(Revival(world, cast(Cycle, taken)).run())
    assert taken.names == [candidate.id]


def test_what_nobody_goes_on_with_has_an_end_and_took_its_time(tmp_path: Path) -> None:
    """As far as it is known; the outage that ended it is none of it."""
    world = grown(tmp_path, 0, 0).world
    candidate = Candidate(id="20260301T000000Z", goal="g", created=0, base=world.main())
    world.journal.save_candidate(candidate)
    world.journal.set_fact(worked.FACT + candidate.id, "42.0")

    async def adopt(*_: object) -> bool:
        return True

    slots = type("Slots", (), {"adopt": staticmethod(adopt)})()
    asyncio.run(recovery.resume(world, cast(Any, slots), cast(Any, None)))
    known = world.journal.candidate(candidate.id)
    assert known is not None and known.state is Stage.ABANDONED
    assert (known.ended is not None, known.worked) == (True, 42.0)
    assert budgets.of(world, known).wall_seconds == 42.0
