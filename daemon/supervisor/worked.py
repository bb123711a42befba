"""How long candidates were worked on: by a clock that nobody sets, whatever outage lies between.

While one is under way its seconds stand beside the archive and are on the disk as they pass; with
its end they come to its row. What it waited for, or was down with its supervisor, is no work.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from daemon.core.candidate import Candidate
from daemon.supervisor.world import World
from ops.errors import Trouble

FACT = "worked:"
KEPT_EVERY_SECONDS = 10.0  # so much is lost with a supervisor that is killed


def seconds(world: World, candidate: Candidate) -> float:
    """So far, or altogether."""
    if candidate.worked is not None:
        return candidate.worked
    if candidate.ended is None:
        return float(world.journal.fact(FACT + candidate.id) or 0.0)
    # An older org ended it.
    return max(0.0, candidate.ended - candidate.created - candidate.waited)


@contextlib.asynccontextmanager
async def counted(world: World, name: str) -> AsyncIterator[None]:
    """The time inside is work on the candidate of that name."""
    before, began = float(world.journal.fact(FACT + name) or 0.0), world.steady()

    def keep() -> None:
        with contextlib.suppress(Trouble):  # a full disk: the next time all of it is written
            world.journal.set_fact(FACT + name, f"{before + world.steady() - began:.3f}")

    async def keep_on() -> None:
        while True:
            await asyncio.sleep(KEPT_EVERY_SECONDS)
            keep()

    keeping = asyncio.create_task(keep_on())
    try:
        yield
    finally:
        keeping.cancel()
        keep()


def end(world: World, candidate: Candidate) -> Candidate:
    """The candidate with when it ended and how long it was worked on, saved."""
    ended = {"ended": int(world.clock()), "worked": seconds(world, candidate)}
    candidate = candidate.model_copy(update=ended)
    with world.journal.together():
        world.journal.save_candidate(candidate)
        world.journal.set_fact(FACT + candidate.id, None)
    return candidate
