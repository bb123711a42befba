"""Backups by the clock: files in a room of the home, the newest of them kept."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from daemon.supervisor.backup import BACKUPS, backup
from daemon.supervisor.world import World

MIB = 2**20


async def take(world: World) -> str:
    """One more file; what it did, in words. Raises Failed, and leaves the older ones alone."""
    folder = world.layout.home / BACKUPS
    folder.mkdir(mode=0o700, exist_ok=True)
    name = time.strftime("%Y%m%dT%H%M%SZ.zip", time.gmtime(world.clock()))
    done = await asyncio.to_thread(backup, world.layout.home, folder / name)
    gone = _old(folder, world.settings.keep.backups)
    for path in gone:
        path.unlink(missing_ok=True)
    dropped = f", {len(gone)} old ones removed" if gone else ""
    return f"{BACKUPS}/{name}, {done['bytes'] / MIB:.1f} MiB{dropped}"


def _old(folder: Path, kept: int) -> list[Path]:
    """All but the newest, by their names."""
    return sorted(folder.glob("*Z.zip"))[:-kept]
