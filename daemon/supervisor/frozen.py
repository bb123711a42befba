"""Whether promotions are frozen: by a person, a window of the week, or a key that cannot sign.

Or by gates that were fooled, until a person has looked.
"""

from __future__ import annotations

from daemon.core.clockwork import Window
from daemon.core.events import Kind
from daemon.supervisor.rules import local
from daemon.supervisor.world import World
from ops.errors import Exit, Refused

FACT = "frozen"


def refusal(world: World) -> Refused | None:
    """Why nothing is promoted now, and what to do; None when promotions are possible."""
    if lasting := standing(world):
        return lasting[0]
    now = local(world.clock())
    for text in world.settings.schedule.freeze:
        if Window.parse(text).holds(now):
            reason = f"promotions are frozen at this time ({text})"
            return Refused(reason, "wait, or change [schedule] freeze", Exit.BUSY)
    return None


def standing(world: World) -> list[Refused]:
    """What no time ends: a person must."""
    found = []
    if (unsigned := world.unsigned) is not None:
        found.append(Refused(unsigned.message, f"{unsigned.hint}; then: orgctl reload", Exit.BUSY))
    fact = world.journal.fact(FACT)
    if fact is not None:
        reason = _reason(fact)
        first = "mend that, then" if reason else "lift it with"
        found.append(Refused(_told(reason), f"{first}: orgctl unfreeze", Exit.BUSY))
    return found


def _reason(fact: str) -> str:
    """The fact is when it began, and why, unless a person wanted it."""
    return fact.partition(" ")[2]


def _told(reason: str) -> str:
    return f"promotions are frozen: {reason}" if reason else "promotions are frozen"


def why(world: World) -> str | None:
    found = refusal(world)
    return found.message if found is not None else None


def refuse(world: World) -> None:
    """Raises Refused (busy) while promotions are frozen."""
    if (found := refusal(world)) is not None:
        raise found


def freeze(world: World, on: bool, reason: str = "") -> dict[str, bool]:
    """For a `reason`, which is told until it is lifted, or because a person wants it."""
    reason = reason or _reason(world.journal.fact(FACT) or "")
    fact = f"{world.clock()} {reason}".rstrip()
    world.journal.set_fact(FACT, fact if on else None)
    world.tell(Kind.NOTICE, text=_told(reason) if on else "promotions are possible again")
    return {"frozen": why(world) is not None}
