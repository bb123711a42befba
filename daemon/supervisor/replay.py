"""A cycle once more, without a model: the recorded replies, the same base, the same tree."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from daemon.supervisor import runnable
from daemon.supervisor.author import Author, Brief
from daemon.supervisor.broker import Broker
from daemon.supervisor.views import find
from daemon.supervisor.world import World
from ops.errors import Exit, Refused
from ops.files import remove_tree
from ops.records import RefChange

SUFFIX = "-replay"


async def replay(world: World, broker: Broker, name: str) -> dict[str, Any]:
    """Whether the author's way leads to the same tree again. Raises Refused without a recording."""
    candidate = find(world, name)
    session = world.layout.evidence / candidate.id / "session.jsonl"
    if candidate.wish is None or candidate.head is None or not session.is_file():
        raise Refused(f"{candidate.branch} has no recorded session", "choose another", Exit.ABSENT)
    again = candidate.model_copy(update={"id": candidate.id + SUFFIX, "wish": None})
    program = await runnable.program(world)
    brief = Brief(again, candidate.wish, program, candidate.model or "", session, None)
    _forget(world, again.ref, again.id)
    try:
        draft = await Author(world, broker, brief).run()
        wanted, got = world.history.tree(candidate.head), world.history.tree(draft.head)
    finally:
        _forget(world, again.ref, again.id)
    return {
        "candidate": candidate.id,
        "same": wanted == got,
        "tree": wanted,
        "replayed": got,
        "status": draft.status,
        "reason": draft.reason,
        "session": str(Path(session)),
    }


def _forget(world: World, ref: str, name: str) -> None:
    if (head := world.history.find(ref)) is not None:
        world.history.move([RefChange(ref, None, head)])
    remove_tree(world.layout.candidates / name)
