"""What outlives its supervisor is taken up a few times, and not for ever."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, cast

import pytest

from daemon.core.candidate import Candidate, Stage
from daemon.core.goal import Goal
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
