"""Where control groups can be made: what the machine mounted, and what it lets us have.

Version 1 keeps a folder for each controller, version 2 one folder for all of them, and lets us
only where systemd delegated ours.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Lock

PREFIX = "org-cell-"
OWN = "org-daemon"  # where our own processes go, as version 2 keeps none beside groups
CONTROLLERS = ("pids", "memory")
ACCOUNTING = "cpuacct"  # of version 1 alone; version 2 always counts
MOUNTS = Path("/proc/self/mountinfo")
MINE = Path("/proc/self/cgroup")
DELEGATED = ("trusted.delegate", "user.delegate")
_asking = Lock()


@dataclass(frozen=True)
class Ground:
    """Where groups can be made: controller -> the folder that new ones go below."""

    version: int
    folders: Mapping[str, Path]


def removed(folder: Path) -> bool:
    try:
        folder.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def seen(pid: int) -> tuple[int, dict[str, Path]] | None:
    """Version and folders of the group that somebody put a process into; None if out of sight."""
    try:
        mine = _mine(Path(f"/proc/{pid}/cgroup"))
        mounts = list(_mounts())
    except OSError:
        return None
    points = {key: point for point, kind, options in mounts if kind == "cgroup" for key in options}
    kinds = (*CONTROLLERS, ACCOUNTING)
    if all(key in points for key in kinds):
        return 1, {key: points[key] / mine.get(key, "/").lstrip("/") for key in kinds}
    unified = [point for point, kind, _ in mounts if kind == "cgroup2"]
    if not unified:
        return None
    return 2, dict.fromkeys(CONTROLLERS, unified[0] / mine.get("", "/").lstrip("/"))


def ground() -> Ground | None:
    """Where this process can make groups that limit; None where it cannot. Asked once."""
    with _asking:  # two that try at the same time would be in each other's way
        return _ground()


@cache
def _ground() -> Ground | None:
    return _version_1() or _version_2()


def _mounts() -> Iterator[tuple[Path, str, set[str]]]:
    """Mount point, kind and options of every group file system."""
    for line in MOUNTS.read_text().splitlines():
        left, _, right = line.partition(" - ")
        kind, _, options = right.split(" ", 2)
        if kind in ("cgroup", "cgroup2"):
            yield Path(left.split()[4]), kind, set(options.split(","))


def _mine(told: Path = MINE) -> dict[str, str]:
    """controller -> our own group; version 2's has an empty name."""
    rows = [line.split(":", 2) for line in told.read_text().splitlines()]
    return {name: path for _, names, path in rows for name in names.split(",")}


def _version_1() -> Ground | None:
    points = {
        key: point for point, kind, options in _mounts() if kind == "cgroup" for key in options
    }
    mine, folders = _mine(), {}
    for controller in (*CONTROLLERS, ACCOUNTING):
        if controller not in points:
            return None
        own = points[controller] / mine.get(controller, "/").lstrip("/")
        usable = [folder for folder in (own, points[controller]) if _tried(folder)]
        if not usable:
            return None
        folders[controller] = usable[0]
    return Ground(1, folders)


def _version_2() -> Ground | None:
    points = [point for point, kind, _ in _mounts() if kind == "cgroup2"]
    if not points:
        return None
    own = points[0] / _mine().get("", "/").lstrip("/")
    own = own.parent if own.name == OWN else own
    if not _delegated(own) or not _opened(own) or not _tried(own):
        return None
    return Ground(2, dict.fromkeys(CONTROLLERS, own))


def _delegated(own: Path) -> bool:
    """Nobody else minds the groups below ours: systemd says so."""
    for name in DELEGATED:
        with contextlib.suppress(OSError):
            if os.getxattr(own, name) == b"1":
                return True
    return False


def _opened(own: Path) -> bool:
    """Our processes in a group of their own, and the controllers given to those beside it."""
    try:
        (own / OWN).mkdir(exist_ok=True)
        for pid in (own / "cgroup.procs").read_text().split():
            (own / OWN / "cgroup.procs").write_text(pid)
        (own / "cgroup.subtree_control").write_text(" ".join(f"+{key}" for key in CONTROLLERS))
    except OSError:
        return False
    return True


def _tried(folder: Path) -> bool:
    """A group can be made below it; empty ones that a killed daemon left are removed."""
    probe = folder / f"{PREFIX}{os.getpid()}-0"
    try:
        probe.mkdir()
    except OSError:
        return False
    removed(probe)
    for left in folder.glob(f"{PREFIX}*"):
        if not Path("/proc", left.name.removeprefix(PREFIX).split("-")[0]).exists():
            removed(left)
    return True
