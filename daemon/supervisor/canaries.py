"""Before changed gates may judge anybody, they must say no to every candidate known to be bad."""

from __future__ import annotations

import hashlib
from typing import Any

from daemon.core.events import Kind
from daemon.core.goal import Goal
from daemon.supervisor import judge
from daemon.supervisor.broker import Broker
from daemon.supervisor.runnable import build
from daemon.supervisor.slots import Slots
from daemon.supervisor.world import World
from fitness.canaries import CANARIES, RECENT, Canary
from ops.errors import Exit, Failed, Refused
from ops.files import remove_tree
from ops.records import Entry
from ops.worktree import remove

GATES = "fitness/"


async def prove(world: World, slots: Slots, broker: Broker, commit: str) -> None:
    """Raises Refused when `commit` brings other gates than those that serve, and one is fooled."""
    if world.instance.kind != "org":
        return
    changed = world.history.changes(world.serving(), commit)
    if not any(change.path.startswith(GATES) for change in changed):
        return
    judged = await tried(world, slots, broker, commit)
    fooled = [f"{one['name']} ({one['gate']})" for one in judged if not one["rejected"]]
    if fooled:
        text = f"its gates let known bad candidates pass: {', '.join(fooled)}"
        raise Refused(text, "mend the gates, and evolve again", Exit.JUDGED_NO)


async def told(world: World, slots: Slots, broker: Broker, commit: str) -> dict[str, Any]:
    """What `orgctl fitness --canaries` answers."""
    rows = await tried(world, slots, broker, commit)
    whole = all(row["rejected"] for row in rows)
    return {"commit": commit, "passed": whole, "gates": [], "canaries": rows}


async def tried(world: World, slots: Slots, broker: Broker, commit: str) -> list[dict[str, Any]]:
    """Each on top of `commit`, judged by the gates of `commit`: who, by which gate, and why."""
    found: list[dict[str, Any]] = []
    entries = world.history.listing(commit)
    recent = (await build(world, commit)).root / RECENT
    for canary in CANARIES:
        bad = _made(world, commit, canary, entries)
        goal = Goal(id="canary", text=canary.goal) if canary.goal else None
        name = f"canary-{bad[:12]}"
        case = judge.Case(name, bad, commit, goal, only=canary.gate, suite=commit, recent=recent)
        try:
            card = await judge.judge(world, slots, broker, case)
            rejected = bool(card.gates) and not card.passed
            reason = card.gates[0].reason if card.gates else "there is no such gate"
        except Failed as failure:
            rejected, reason = True, failure.message  # a jury without a card rejects
        finally:
            remove(world.layout.releases / bad)
            remove_tree(world.layout.evidence / name)
        said = "was rejected" if rejected else "was let through"
        world.tell(Kind.NOTICE, text=f"canary {canary.name!r} {said} by the gate {canary.gate}")
        row = {"name": canary.name, "gate": canary.gate, "rejected": rejected, "reason": reason}
        found.append(row)
    return found


def _made(world: World, commit: str, canary: Canary, entries: tuple[Entry, ...]) -> str:
    """The bad candidate as a commit that no ref names."""
    history = world.history
    files = canary.files(lambda path: history.read(commit, path))
    rows = {entry.path: (entry.mode, entry.oid, entry.path) for entry in entries}
    blobs = {}
    for path, data in files.items():
        rows.pop(path, None)
        if data is not None:
            oid = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
            blobs[oid] = data
            rows[path] = ("100644", oid, path)
    history.write_blobs(blobs)
    tree = history.write_tree(rows.values())
    return history.commit(tree, [commit], f"A canary: {canary.name}", history.when(commit))
