"""Cells by bubblewrap: own namespaces, a filter for the kernel, a control group if it can be."""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import time
from functools import cache
from pathlib import Path

from ops import cgroups, seccomp
from ops.cell_order import Cell, inside, per_process, per_user, prlimit
from ops.cgroup_ground import ground
from ops.errors import Failed, Refused
from ops.mounts import SYSTEM_LINKS, SYSTEM_MOUNTS
from ops.processes import Child, spawn

INFO_FD = 90  # where bubblewrap tells the pid of the process inside
FILTER_FD = 91  # where it reads which calls to the kernel the cell may not make
START_FD = 92  # where it waits for our word before it starts the command
INFO_BYTES_MAX = 4096
INFO_SECONDS = 10.0
GO = b"1"


def available() -> None:
    """Raises Refused, with the remedy, when cells of this kind cannot be made here."""
    if shutil.which("bwrap") is None:
        raise Refused("bubblewrap is not installed", "apt-get install bubblewrap")


def walls() -> tuple[str, ...]:
    """What stands between such a cell and the machine, here and now, for people."""
    groups = ground()
    counted = f"control groups version {groups.version}" if groups else "process by process"
    found = ["namespaces", f"limits {counted}"]
    if groups is None and os.geteuid() == 0:
        found.append("no limit on processes")
    return (*found, "kernel filter" if seccomp.program() else "no kernel filter")


def start(cell: Cell, fds: dict[int, int]) -> Child:
    """Start it; the command runs only when it is in its group, so nothing of it is outside."""
    groups = ground()
    group = cgroups.Group(groups) if groups else None
    try:
        if group is not None:
            group.limit(cell.limits.memory_bytes, cell.limits.processes)
        child = _spawned(cell, fds, group)
    except BaseException:
        if group is not None:
            group.end()
        raise
    return child


def _spawned(cell: Cell, fds: dict[int, int], group: cgroups.Group | None) -> Child:
    told, tell = os.pipe()
    waiting, go = os.pipe()
    denied = seccomp.descriptor(cell.serves)
    ours = [told, tell, waiting, go, *([] if denied is None else [denied])]
    try:
        wanted = fds | {INFO_FD: tell, START_FD: waiting}
        wanted |= {} if denied is None else {FILTER_FD: denied}
        environment = {"PATH": os.environ.get("PATH", "")}
        child = spawn(command(cell), environment=environment, fds=wanted)
        os.close(ours.pop(ours.index(tell)))
        child.inner = _inner(told)
        child.room = group
        _let_go(child, group, go)
    finally:
        for descriptor in ours:
            os.close(descriptor)
    return child


def _let_go(child: Child, group: cgroups.Group | None, go: int) -> None:
    """Into the group, then on; without its limits it does not run at all."""
    if child.inner is None:
        return  # bubblewrap itself failed; its words and code tell why
    if group is not None:
        try:
            group.take(child.inner)
        except Failed:
            child.kill()
            raise
    os.write(go, GO)


def command(cell: Cell) -> tuple[str, ...]:
    """The whole argv that makes the cell and runs its command; it looks at us and the mounts."""
    counted = per_user(cell.limits)
    argv = [*prlimit(counted), *cell.argv] if counted else list(cell.argv)
    return (*prlimit(per_process(cell.limits)), *_walls(cell), "--", *argv)


def _walls(cell: Cell) -> list[str]:
    flags = ["bwrap", "--unshare-all", "--new-session", "--as-pid-1"]
    flags += ["--die-with-parent"] if cell.bound else []
    flags += ["--cap-drop", "ALL", "--hostname", "cell"]
    flags += ["--info-fd", str(INFO_FD), "--block-fd", str(START_FD)]
    flags += ["--seccomp", str(FILTER_FD)] if seccomp.program() else []
    sized = ["--size", str(cell.limits.file_bytes)] if _can_size() else []
    flags += [*sized, "--tmpfs", "/tmp", "--proc", "/proc", "--dev", "/dev"]
    flags += [*sized, "--tmpfs", "/dev/shm", "--remount-ro", "/dev"]
    for link in SYSTEM_LINKS:
        path = Path(link)
        if path.is_symlink():
            flags += ["--symlink", str(path.readlink()), link]
        elif path.is_dir():
            flags += ["--ro-bind", link, link]
    # Folders before what lies in them, else the later mount would hide the earlier one.
    for mount in sorted(cell.mounts, key=lambda one: len(one.target.parts)):
        flag = "--bind" if mount.writable else "--ro-bind"
        if mount in SYSTEM_MOUNTS:
            flag = "--ro-bind-try"
        flags += [flag, str(mount.source), str(mount.target)]
    flags += ["--remount-ro", "/", "--chdir", cell.directory, "--clearenv"]
    for name, value in inside(cell).items():
        flags += ["--setenv", name, value]
    return flags


@cache
def _can_size() -> bool:
    """Older ones cannot bound what lies in /tmp; the limit on memory does it there."""
    from ops.run import run

    return b"--size" in run(["bwrap", "--help"], seconds=INFO_SECONDS).stdout


def _inner(told: int) -> int | None:
    """The pid of the process inside, as bubblewrap says it; None when it failed first."""
    said = b""
    deadline = time.monotonic() + INFO_SECONDS
    while b"}" not in said and len(said) < INFO_BYTES_MAX:
        ready, _, _ = select.select([told], [], [], max(0.0, deadline - time.monotonic()))
        chunk = os.read(told, INFO_BYTES_MAX) if ready else b""
        if not chunk:
            return None
        said += chunk
    with contextlib.suppress(ValueError, KeyError):
        return int(json.loads(said)["child-pid"])
    return None
