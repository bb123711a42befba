"""Whether promotions are frozen: by a person, a window of the week, or a key that cannot sign."""

from __future__ import annotations

from daemon.core.clockwork import Window
from daemon.core.events import Kind
from daemon.supervisor.rules import local
from daemon.supervisor.world import World
from ops.errors import Exit, Refused

FACT = "frozen"


def refusal(world: World) -> Refused | None:
    """Why nothing is promoted now, and what to do; None when promotions are possible."""
    if (unsigned := world.unsigned) is not None:
        return Refused(unsigned.message, f"{unsigned.hint}; then: orgctl reload", Exit.BUSY)
    if world.journal.fact(FACT) is not None:
        return Refused("promotions are frozen", "lift it with: orgctl unfreeze", Exit.BUSY)
    now = local(world.clock())
    for text in world.settings.schedule.freeze:
        if Window.parse(text).holds(now):
            reason = f"promotions are frozen at this time ({text})"
            return Refused(reason, "wait, or change [schedule] freeze", Exit.BUSY)
    return None


def why(world: World) -> str | None:
    found = refusal(world)
    return found.message if found is not None else None


def refuse(world: World) -> None:
    """Raises Refused (busy) while promotions are frozen."""
    if (found := refusal(world)) is not None:
        raise found


def freeze(world: World, on: bool) -> dict[str, bool]:
    world.journal.set_fact(FACT, str(world.clock()) if on else None)
    told = "promotions are frozen" if on else "promotions are possible again"
    world.tell(Kind.NOTICE, text=told)
    return {"frozen": why(world) is not None}
