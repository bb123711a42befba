"""Watch a new release after it was switched to; a breach sends it back by itself."""

from __future__ import annotations

import asyncio

from daemon.core.promotion import Promotion
from daemon.supervisor.slots import Slots
from daemon.supervisor.world import World
from ops.errors import Trouble

LOOK_EVERY_SECONDS = 1.0
SILENT_LOOKS_MAX = 3


class Breach(Exception):
    """The release broke a promise of its probation; `reason` is one sentence."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


async def watch(world: World, slots: Slots, promotion: Promotion) -> None:
    """Returns when probation is over. Raises Breach at the first broken promise."""
    deadline = asyncio.get_running_loop().time() + world.settings.probation.seconds
    silent = 0
    while (left := deadline - asyncio.get_running_loop().time()) > 0:
        serving = slots.current
        if serving is None or serving.release.commit != promotion.merge:
            raise Breach("another release serves in its place")
        over = asyncio.create_task(serving.ended())
        await asyncio.wait({over}, timeout=min(LOOK_EVERY_SECONDS, left))
        if over.done():
            raise Breach(f"its process ended with {over.result()} during probation")
        over.cancel()
        try:
            await serving.ask("stats")
            silent = 0
        except Trouble:
            silent += 1
        if silent >= SILENT_LOOKS_MAX:
            raise Breach(f"its process gave no sign of life {silent} times in a row")
