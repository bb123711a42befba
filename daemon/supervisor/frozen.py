"""Whether promotions are frozen: by a person, a window of the week, or a key that cannot sign."""

from __future__ import annotations

from daemon.core.clockwork import Window
from daemon.core.events import Kind
from daemon.supervisor.rules import local
from daemon.supervisor.world import World
from ops.errors import Exit, Refused

FACT = "frozen"


def why(world: World) -> str | None:
    """None when promotions are possible now."""
    if world.unsigned is not None:
        return world.unsigned.message
    if world.journal.fact(FACT) is not None:
        return "promotions are frozen"
    now = local(world.clock())
    for text in world.settings.schedule.freeze:
        if Window.parse(text).holds(now):
            return f"promotions are frozen at this time ({text})"
    return None


def refuse(world: World) -> None:
    """Raises Refused (busy) while promotions are frozen."""
    if world.unsigned is not None:
        raise Refused(
            world.unsigned.message, f"{world.unsigned.hint}; then: orgctl reload", Exit.BUSY
        )
    reason = why(world)
    if reason is not None:
        person = world.journal.fact(FACT) is not None
        hint = "lift it with: orgctl unfreeze" if person else "wait, or change [schedule] freeze"
        raise Refused(reason, hint, Exit.BUSY)


def freeze(world: World, on: bool) -> dict[str, bool]:
    world.journal.set_fact(FACT, str(world.clock()) if on else None)
    told = "promotions are frozen" if on else "promotions are possible again"
    world.tell(Kind.NOTICE, text=told)
    return {"frozen": why(world) is not None}
