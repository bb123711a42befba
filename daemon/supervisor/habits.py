"""What a supervisor does for as long as it lives; a bug in one part is told and stops no other.

Not its end: that would take the author at work and the control socket with it, again and again,
when what it stumbles over does not go away.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Callable

from daemon.core.events import Kind
from daemon.supervisor.world import World

AGAIN_SECONDS = 60.0
Habit = Callable[[], Awaitable[None]]


async def keep(world: World, name: str, habit: Habit, again_seconds: float = AGAIN_SECONDS) -> None:
    """Until the habit ends by itself, or this is cancelled; after a bug it begins again."""
    while True:
        task = asyncio.ensure_future(habit())
        try:
            await asyncio.wait({task})
        finally:
            task.cancel()
        if not tell_bug(world, name, task):
            return
        await asyncio.sleep(again_seconds)


def tell_bug(world: World, name: str, task: asyncio.Future[None]) -> bool:
    """Whether it ended by a bug; the log has all of it, people are told what it was."""
    bug = None if task.cancelled() else task.exception()
    if bug is None:
        return False
    traceback.print_exception(bug)
    world.tell(Kind.NOTICE, text=f"a bug ended {name}: {type(bug).__name__}: {bug}")
    return True
