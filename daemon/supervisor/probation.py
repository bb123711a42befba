"""Watch a new release after it was switched to; a breach sends it back by itself."""

from __future__ import annotations

import asyncio

from daemon.core.probation import breach
from daemon.core.promotion import Promotion
from daemon.supervisor.serving import Serving
from daemon.supervisor.watcher import Watcher
from ops.errors import Failed

LOOKS_AFTER_RETURN = 3
LOOK_PAUSE_SECONDS = 0.05


class Breach(Exception):
    """The release broke a promise of its probation; `reason` is one sentence."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


async def watch(watcher: Watcher, promotion: Promotion) -> None:
    """Returns when probation is over. Raises Breach at the first broken promise."""
    slots, settings = watcher.slots, watcher.world.settings.probation
    former = list(watcher.record(slots.former)) if slots.former is not None else []
    loop = asyncio.get_running_loop()
    deadline = loop.time() + settings.seconds
    while (left := deadline - loop.time()) > 0:
        serving = slots.current
        if serving is None or serving.release.commit != promotion.merge:
            raise Breach("another release serves in its place")
        await _unless_ended(serving, min(settings.look_every_seconds, left))
        record = list(await watcher.look_at(serving))
        reason = breach(record, former, promotion.merge, settings.limits)
        if reason is not None:
            raise Breach(reason)


async def _unless_ended(serving: Serving, seconds: float) -> None:
    over = asyncio.create_task(serving.ended())
    try:
        done, _ = await asyncio.wait({over}, timeout=seconds)
    finally:
        over.cancel()
    if done:
        raise Breach(f"its process ended with {over.result()} during probation")


async def check(watcher: Watcher, serving: Serving) -> None:
    """What was returned to must serve as well. Raises Failed when it does not."""
    for _ in range(LOOKS_AFTER_RETURN):
        sample = await watcher.look(serving)
        right = sample.commit in (None, serving.release.commit)
        if not (serving.alive and sample.answered and sample.ready and right):
            raise Failed(f"{serving.release.commit[:12]} does not serve either", "see its log")
        await asyncio.sleep(LOOK_PAUSE_SECONDS)
