"""Collect what an instance no longer keeps: refs, trees, environments, evidence, logs.

Safe to end at any instant: refs go in transactions, folders leave their names before they are
removed, and what a killed run left of them is swept by the next.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from daemon.core.events import Kind
from daemon.core.upkeep import Item, Limit, Room, Surplus, plan
from daemon.supervisor import inventory
from daemon.supervisor.backup import STAGING
from daemon.supervisor.world import World
from ops import rotation, worktree
from ops.errors import Exit, Failed, Trouble
from ops.files import remove_tree
from ops.layout import Layout
from ops.lease import hold
from ops.packing import Packing
from ops.records import RefChange

DAY_SECONDS, HOUR_SECONDS = 86400.0, 3600.0
REFS_AT_ONCE_MAX = 20_000  # each transaction writes all packed refs anew
COLLECTED = "collected"  # the fact: when this was last done
Guard = AbstractAsyncContextManager[Any]


def limits(world: World) -> dict[Room, Limit]:
    keep = world.settings.keep
    counts = {
        Room.RELEASES: keep.releases,
        Room.VENVS: keep.venvs,
        Room.BRANCHES: keep.candidates,
        Room.WORKSPACES: keep.workspaces,
        Room.EVIDENCE: keep.candidates,
    }
    age = keep.days * DAY_SECONDS
    return {room: Limit(count, age, keep.room_bytes) for room, count in counts.items()}


@dataclass(frozen=True)
class Found:
    """What is there, and what of it goes."""

    items: tuple[Item, ...]
    gone: tuple[Surplus, ...]


def look(world: World) -> Found:
    """The plan as of now; nothing is changed."""
    held, now, bounds = inventory.holds(world), world.clock(), limits(world)
    first = tuple(inventory.items(world, held))
    gone = plan(first, bounds, now)
    leave = {one.item.name for one in gone if one.item.room is Room.RELEASES}
    stay = [i.name for i in first if i.room is Room.RELEASES and i.name not in leave]
    venvs = tuple(inventory.environments(world, stay, held))
    return Found((*first, *venvs), (*gone, *plan(venvs, bounds, now)))


async def collect(world: World, guard: Guard | None = None) -> dict[str, Any]:
    """The caller holds the operation's lease; `guard` keeps what serves from changing."""
    found = await asyncio.to_thread(look, world)
    async with guard or nullcontext():
        aside = await asyncio.to_thread(_put_aside, world, found.gone)
    await asyncio.to_thread(_finish, world, aside, found.gone)
    said = view(found) | {"repo": Packing(world.layout.repo).counts()}
    world.journal.set_fact(COLLECTED, str(world.clock()))
    if found.gone:
        counts = ", ".join(f"{count} {room}" for room, count in said["counts"].items())
        world.tell(Kind.NOTICE, text=f"no longer kept: {counts}")
    return said


def view(found: Found) -> dict[str, Any]:
    """`{"removed": [{"room", "name", "bytes", "why"}], "bytes", "counts", "kept"}`."""
    rows = [
        {"room": g.item.room, "name": g.item.name, "bytes": g.item.size_bytes, "why": g.why}
        for g in found.gone
    ]
    counts = Counter(str(g.item.room) for g in found.gone)
    kept = Counter(str(item.room) for item in found.items)
    kept.subtract(counts)
    return {
        "removed": rows,
        "bytes": sum(g.item.size_bytes for g in found.gone),
        "counts": dict(counts),
        "kept": dict(kept),
    }


def _drop_refs(world: World, gone: Iterable[Item]) -> int:
    """Each from the value that was seen; a branch that moved meanwhile would be a bug."""
    names = {item.name for item in gone if item.room is Room.BRANCHES}
    refs = inventory.branches(world) if names else {}
    changes = [
        RefChange(ref, None, oid) for name in sorted(names) for ref, oid in refs.get(name, ())
    ]
    for at in range(0, len(changes), REFS_AT_ONCE_MAX):
        world.history.move(changes[at : at + REFS_AT_ONCE_MAX])
    return len(changes)


def _folders(layout: Layout) -> Mapping[Room, Path]:
    return {
        Room.RELEASES: layout.releases,
        Room.VENVS: layout.venvs,
        Room.WORKSPACES: layout.candidates,
        Room.EVIDENCE: layout.evidence,
    }


def _put_aside(world: World, gone: Iterable[Surplus]) -> list[Path]:
    """Out of the way at once, but for what is needed since the plan was made."""
    held = inventory.holds(world)
    names = held.used | set(held.commits) | set(held.candidates)
    folders = _folders(world.layout)
    aside = []
    for item in (one.item for one in gone):
        needed = item.name in names
        folder = folders.get(item.room)
        if folder is not None and not needed and (folder / item.name).exists():
            aside.append(worktree.put_aside(folder / item.name))
    return aside


def _finish(world: World, aside: Iterable[Path], gone: Iterable[Surplus]) -> None:
    """Off the disk, with what killed runs left; git in order; logs that grew too long turned."""
    for folder in {path.parent for path in aside} | set(_folders(world.layout).values()):
        worktree.sweep(folder)
    remove_tree(world.layout.home / STAGING)  # of a restore that was killed at its very end
    repo = Packing(world.layout.repo)
    repo.pack_refs()
    if _drop_refs(world, [one.item for one in gone]):
        repo.drop_unreachable()
    else:
        repo.maintain()
    keep = world.settings.keep
    for log in sorted(world.layout.logs.glob("*.log")):
        rotation.turn(log, keep.log_bytes, keep.logs)


@dataclass
class Upkeep:
    """The verb, and the daemon's own habit; `turn` is held by whoever changes what serves."""

    world: World
    turn: asyncio.Lock

    async def gc(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        if arguments.get("dry_run"):
            return view(await asyncio.to_thread(look, self.world)) | {"dry_run": True}
        with hold(self.world.layout.lease, "collecting what is no longer kept"):
            return await collect(self.world, self.turn) | {"dry_run": False}

    async def when_due(self) -> None:
        """Now and then, at the end of a cycle, whose lease the caller still holds."""
        hours = self.world.settings.keep.every_hours
        last = float(self.world.journal.fact(COLLECTED) or 0)
        if not hours or self.world.clock() - last < hours * HOUR_SECONDS:
            return
        try:
            await collect(self.world, self.turn)
        except (Trouble, OSError) as why:  # the cycle's outcome stands whatever becomes of this
            self.world.tell(Kind.NOTICE, text=f"not all was collected: {why}")


def main(argv: list[str]) -> int:
    """With no daemon, for a home that is too full to start."""
    parser = argparse.ArgumentParser(prog="daemon.supervisor.upkeep")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--dry-run", action="store_true")
    flags = parser.parse_args(argv)
    try:
        with hold(Layout(flags.home).daemon_lease, "collecting what is no longer kept"):
            world = World.open(flags.home)
            said = view(look(world)) if flags.dry_run else asyncio.run(collect(world))
    except OSError as error:
        text = f"not all was collected: {error.filename}: {error.strerror}"
        print(json.dumps(Failed(text, "see: orgctl doctor").as_json()))
        return int(Exit.JUDGED_NO)
    except Trouble as trouble:
        print(json.dumps(trouble.as_json()))
        return int(trouble.code)
    print(json.dumps(said | {"dry_run": flags.dry_run}))
    return 0
