"""What is asked of a cell, and what it tells: the command, its walls and limits, its end."""

from __future__ import annotations

import os
import resource
from collections.abc import Mapping
from dataclasses import dataclass, field

from ops.cgroups import Use
from ops.mounts import SYSTEM_MOUNTS, Mount


@dataclass(frozen=True)
class Limits:
    """What one cell may use; None is no limit. `file_bytes` bounds its /tmp as well.

    `disk_bytes` is for what it may write outside; `run` watches it, who starts a cell must.
    """

    memory_bytes: int
    processes: int
    cpu_seconds: int | None
    wall_seconds: float | None
    file_bytes: int
    open_files: int
    output_bytes: int
    disk_bytes: int = 2 * 2**30


DEFAULT = Limits(
    memory_bytes=4 * 2**30,
    processes=256,
    cpu_seconds=None,
    wall_seconds=60.0,
    file_bytes=2 * 2**30,
    open_files=1024,
    output_bytes=8 * 2**20,
)


@dataclass(frozen=True)
class Cell:
    """A command and its walls; `fds` maps descriptor numbers inside to ours.

    It ends with whoever made it, unless it is not `bound`: then another process may
    adopt it, and it must end by itself when nobody is left who could. One that `serves` holds a
    listening socket of ours, and is kept from connecting it or spoiling it.
    """

    argv: tuple[str, ...]
    mounts: tuple[Mount, ...] = SYSTEM_MOUNTS
    directory: str = "/tmp"
    environment: Mapping[str, str] = field(default_factory=dict)
    limits: Limits = DEFAULT
    fds: Mapping[int, int] = field(default_factory=dict)
    backend: str = "bubblewrap"
    bound: bool = True
    serves: bool = False


@dataclass(frozen=True)
class Outcome:
    """How a command ended: an exit code, a signal, or the name of the limit that ended it.

    Behind walls a signal arrives as an exit code of 128 and more, as in every shell, so
    a program that itself ends with such a code is told as one that a signal ended.
    """

    exit: int | None
    signal: int | None
    limit: str | None
    stdout: bytes
    stderr: bytes
    truncated: bool
    seconds: float
    use: Use = field(default_factory=Use)


def search_path(cell: Cell) -> str:
    """PATH inside: the interpreters that were mounted, then the system's."""
    added = [f"{m.target}/bin" for m in cell.mounts if (m.source / "bin/python3").exists()]
    added = [entry for entry in added if not entry.startswith("/usr")]
    return ":".join([*added, "/usr/local/bin", "/usr/bin", "/bin"])


def inside(cell: Cell) -> dict[str, str]:
    """The environment of the command: nothing of ours but what was named."""
    base = {
        "PATH": search_path(cell),
        "HOME": "/tmp",
        "LANG": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
    }
    return base | dict(cell.environment)


def per_process(limits: Limits) -> dict[str, int]:
    """The limits that the kernel keeps for each process by itself, by their names in prlimit."""
    wanted = {
        "as": (resource.RLIMIT_AS, limits.memory_bytes),
        "fsize": (resource.RLIMIT_FSIZE, limits.file_bytes),
        "nofile": (resource.RLIMIT_NOFILE, limits.open_files),
        "cpu": (resource.RLIMIT_CPU, _above(limits.cpu_seconds)),
    }
    kept = {name: _within(kind, most) for name, (kind, most) in wanted.items() if most}
    return {"core": 0} | kept


def _above(seconds: int | None) -> int | None:
    """Over the limit of all together, so that a kill at this one can be told from others."""
    return None if seconds is None else seconds + 1


def per_user(limits: Limits) -> dict[str, int]:
    """Set inside, where only the cell's own processes count; the kernel counts none for root."""
    if os.geteuid() == 0:
        return {}
    return {"nproc": _within(resource.RLIMIT_NPROC, limits.processes)}


def _within(kind: int, wanted: int) -> int:
    """As much of it as we may have ourselves: in a cell, asking for more would be refused."""
    most = resource.getrlimit(kind)[1]
    return wanted if most == resource.RLIM_INFINITY else min(wanted, most)


def prlimit(limits: Mapping[str, int]) -> list[str]:
    """The command in front of another that sets them."""
    return ["prlimit", *(f"--{name}={most}" for name, most in limits.items()), "--"]
