"""How soon a cycle follows another: what came to no end is tried again later, each time later."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, cast

from daemon.supervisor.broker import Broker
from daemon.supervisor.night import Night
from daemon.supervisor.world import World
from tests.night.clock import Clock, a_world


class Nights:
    """A night whose cycles end as the test says; a recorded session stands for its model."""

    def __init__(self, tmp_path: Path, **schedule: Any) -> None:
        self.clock = Clock()
        self.outcome, self.begun = "abandoned", 0
        self.world: World = a_world(tmp_path, self.clock, **schedule)
        model = self.world.settings.model.model_copy(update={"session": "any.jsonl"})
        self.world.settings = self.world.settings.model_copy(update={"model": model})
        nobody = cast("Broker", None)  # a session needs no endpoint
        self.night = Night(self.world, nobody, self._evolve, self._promote)

    async def _evolve(self, _: int) -> list[dict[str, Any]]:
        self.begun += 1
        return [{"candidate": "c1", "outcome": self.outcome, "reason": "the author crashed"}]

    async def _promote(self, _: Any) -> dict[str, Any]:
        raise AssertionError("nothing waits")

    def cycle(self) -> str:
        return asyncio.run(self.night.cycle())


def test_cycles_that_come_to_no_end_follow_each_other_ever_later(tmp_path: Path) -> None:
    """As with a dead endpoint; one that was judged sets them free again."""
    nights = Nights(tmp_path)
    waits = []
    for number in range(4):
        nights.cycle()
        assert nights.begun == number + 1
        assert "the next try is in" in nights.cycle()
        assert nights.begun == number + 1
        waits.append(nights.night.pace().not_before - nights.clock.now)
        nights.clock.now = nights.night.pace().not_before
    assert waits == [5.0, 10.0, 20.0, 40.0]
    assert nights.night.pace().streak == 0
    nights.outcome = "rejected"
    nights.cycle()
    assert (nights.night.pace().dead, nights.night.pace().streak) == (0, 1)
