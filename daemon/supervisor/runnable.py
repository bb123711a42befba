"""Making a commit runnable: its tree exported, its environment made from its own lock."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from daemon.core.release import Release
from daemon.state.settings import Settings
from daemon.supervisor.world import World
from ops import venv, worktree
from ops.cell import Limits
from ops.errors import Failed, Refused
from ops.files import free_bytes

LOCK = "ops/requirements.lock"


def base_python() -> Path:
    """The interpreter that environments are made from, never an environment's own."""
    return Path(getattr(sys, "_base_executable", sys.executable)).resolve()


def check_disk(world: World) -> None:
    """Raises Refused below the floor: a half-written release helps nobody."""
    floor = world.settings.policy.disk_free_bytes
    free = free_bytes(world.layout.home)
    if free < floor:
        raise Refused(
            f"only {free // 2**20} MiB are free below {world.layout.home}"
            f" and the floor is {floor // 2**20} MiB",
            "free some space, or lower policy.disk_free_bytes in org.toml",
        )


def python_of(world: World, commit: str) -> Path:
    """The interpreter of `commit`'s environment, made if it is not there."""
    if world.instance.kind == "repo":
        return world.instance.python or Path(sys.executable)
    lock = world.history.read(commit, LOCK)
    if lock is None:
        raise Failed(f"{commit[:12]} has no {LOCK}", "it cannot be run; choose another commit")
    return venv.ensure(world.layout.venvs, lock, base_python())


async def build(world: World, commit: str) -> Release:
    """The release of `commit`, at once when it is there already."""
    target = world.layout.releases / commit
    if not target.exists():
        check_disk(world)

    def make() -> Release:
        root = worktree.export(world.history, commit, target)
        return Release(commit, root, python_of(world, commit))

    return await asyncio.to_thread(make)


async def program(world: World) -> Release:
    """org's own trusted code: what serves when org evolves itself, else what made the instance."""
    if world.instance.kind == "org":
        return await build(world, world.serving())
    root, python = world.instance.program, world.instance.python
    if root is None or python is None:
        raise Refused("the instance does not say where org's own code is", "run: orgctl init")
    return Release("", root, python)


def limits_of(settings: Settings) -> Limits:
    """The settings' limits on a cell; whoever starts it ends it in time."""
    cells = settings.cells
    return Limits(
        memory_bytes=cells.memory_bytes,
        processes=cells.processes,
        cpu_seconds=None,
        wall_seconds=None,
        file_bytes=cells.file_bytes,
        open_files=cells.open_files,
        output_bytes=cells.output_bytes,
        disk_bytes=cells.disk_bytes,
    )
