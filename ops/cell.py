"""Cells: one process tree without network or secrets, seeing only what was mounted for it.

Backends: `bubblewrap` (the default) and `none`, which must be asked for by name.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import resource
import select
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ops import seccomp
from ops.errors import Exit, Refused
from ops.mounts import SYSTEM_LINKS, SYSTEM_MOUNTS, Mount, python_mounts
from ops.processes import Child, spawn

__all__ = [
    "DEFAULT",
    "SYSTEM_MOUNTS",
    "Cell",
    "Limits",
    "Mount",
    "Outcome",
    "available",
    "command",
    "python_mounts",
    "run",
    "start",
]
INFO_FD = 90  # where bubblewrap tells the pid of the process inside
FILTER_FD = 91  # where it reads which calls to the kernel the cell may not make
MARK = "ORG_CELL"  # marks what belongs to a cell that has no walls
INFO_BYTES_MAX = 4096
INFO_SECONDS = 10.0
CHUNK_BYTES = 65536
DRAIN_SECONDS = 2.0
POLL_MS = 250


@dataclass(frozen=True)
class Limits:
    """What one cell may use; None is no limit."""

    memory_bytes: int
    processes: int
    cpu_seconds: int | None
    wall_seconds: float | None
    file_bytes: int
    open_files: int
    output_bytes: int


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
    adopt it, and it must end by itself when nobody is left who could.
    """

    argv: tuple[str, ...]
    mounts: tuple[Mount, ...] = SYSTEM_MOUNTS
    directory: str = "/tmp"
    environment: Mapping[str, str] = field(default_factory=dict)
    limits: Limits = DEFAULT
    fds: Mapping[int, int] = field(default_factory=dict)
    backend: str = "bubblewrap"
    bound: bool = True


@dataclass(frozen=True)
class Outcome:
    """How a command ended; `limit` names the limit that ended it."""

    exit: int | None
    signal: int | None
    limit: str | None
    stdout: bytes
    stderr: bytes
    truncated: bool
    seconds: float


def available(backend: str) -> None:
    """Raises Refused, with the remedy, when cells of this kind cannot be made here."""
    if backend == "none":
        return
    if backend != "bubblewrap":
        raise Refused(f"cells of kind {backend!r} are not known", "use bubblewrap", Exit.MISUSE)
    if shutil.which("bwrap") is None:
        raise Refused("bubblewrap is not installed", "apt-get install bubblewrap")


def search_path(cell: Cell) -> str:
    """PATH inside: the interpreters that were mounted, then the system's."""
    added = [f"{m.target}/bin" for m in cell.mounts if (m.source / "bin/python3").exists()]
    added = [entry for entry in added if not entry.startswith("/usr")]
    return ":".join([*added, "/usr/local/bin", "/usr/bin", "/bin"])


def command(cell: Cell) -> tuple[str, ...]:
    """The whole argv that makes the cell and runs its command; it looks at us and the mounts."""
    return (*_limits(cell.limits), *_walls(cell), *cell.argv)


def _limits(limits: Limits) -> list[str]:
    flags = ["prlimit", "--core=0"]
    for flag, kind, wanted in (
        ("as", resource.RLIMIT_AS, limits.memory_bytes),
        ("fsize", resource.RLIMIT_FSIZE, limits.file_bytes),
        ("nofile", resource.RLIMIT_NOFILE, limits.open_files),
        ("cpu", resource.RLIMIT_CPU, limits.cpu_seconds),
    ):
        flags += [f"--{flag}={_within(kind, wanted)}"] if wanted else []
    return [*flags, "--"]


def _within(kind: int, wanted: int) -> int:
    """As much of it as we may have ourselves: in a cell, asking for more would be refused."""
    most = resource.getrlimit(kind)[1]
    return wanted if most == resource.RLIM_INFINITY else min(wanted, most)


def _count(limits: Limits) -> list[str]:
    """Set inside, where only the cell's own processes count; the kernel counts none for root."""
    if os.geteuid() == 0:
        return []
    return ["prlimit", f"--nproc={_within(resource.RLIMIT_NPROC, limits.processes)}", "--"]


def _walls(cell: Cell) -> list[str]:
    if cell.backend == "none":
        return ["env", "-C", cell.directory]
    flags = ["bwrap", "--unshare-all", "--new-session", "--as-pid-1"]
    flags += ["--die-with-parent"] if cell.bound else []
    flags += ["--cap-drop", "ALL", "--hostname", "cell", "--info-fd", str(INFO_FD)]
    flags += ["--seccomp", str(FILTER_FD)] if seccomp.program() else []
    flags += ["--tmpfs", "/tmp", "--proc", "/proc", "--dev", "/dev"]
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
    return [*flags, "--", *_count(cell.limits)]


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


def start(cell: Cell, stdout: int | None, stderr: int | None) -> Child:
    """Start it and leave it running. Raises Refused when cells cannot be made here."""
    available(cell.backend)
    fds = dict(cell.fds)
    fds |= {number: ours for number, ours in ((1, stdout), (2, stderr)) if ours is not None}
    if cell.backend == "none":
        return _start_unwalled(cell, fds)
    told, tell = os.pipe()
    denied = seccomp.descriptor()
    try:
        fds |= {INFO_FD: tell} | ({} if denied is None else {FILTER_FD: denied})
        environment = {"PATH": os.environ.get("PATH", "")}
        try:
            child = spawn(command(cell), environment=environment, fds=fds)
        finally:
            os.close(tell)
        child.inner = _inner(told)
    finally:
        os.close(told)
        if denied is not None:
            os.close(denied)
    return child


_numbers = itertools.count(1)


def _start_unwalled(cell: Cell, fds: Mapping[int, int]) -> Child:
    mark = f"{os.getpid()}.{next(_numbers)}"
    child = spawn(command(cell), environment=inside(cell) | {MARK: mark}, fds=fds)
    child.mark = f"{MARK}={mark}"
    return child


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


def run(cell: Cell) -> Outcome:
    """Run it to its end, or to its first limit; either way nothing of it is left."""
    began = time.monotonic()
    out, out_inside = os.pipe()
    err, err_inside = os.pipe()
    try:
        child = start(cell, out_inside, err_inside)
    except BaseException:
        os.close(out)
        os.close(err)
        raise
    finally:
        os.close(out_inside)
        os.close(err_inside)
    try:
        held, limit = _collect(child, {out: b"", err: b""}, cell.limits, began)
    finally:
        child.kill()
        os.close(out)
        os.close(err)
    code = child.poll()
    child.close()
    return Outcome(
        exit=code if code is not None and code >= 0 and limit is None else None,
        signal=-code if code is not None and code < 0 else None,
        limit=limit,
        stdout=held[out],
        stderr=held[err],
        truncated=limit == "output",
        seconds=time.monotonic() - began,
    )


def _collect(
    child: Child, held: dict[int, bytes], limits: Limits, began: float
) -> tuple[dict[int, bytes], str | None]:
    """Read both streams until the command ended, or a limit was reached."""
    deadline = began + limits.wall_seconds if limits.wall_seconds else float("inf")
    watch, open_ends, ended_at = select.poll(), set(held), float("inf")
    for descriptor in (*held, child.fileno()):
        watch.register(descriptor, select.POLLIN)
    while open_ends:
        now = time.monotonic()
        if now >= deadline:
            return held, "wall"
        if now - ended_at > DRAIN_SECONDS:  # a grandchild holds the pipe; it is not waited for
            return held, None
        for descriptor, _ in watch.poll(min(POLL_MS, max(1, (deadline - now) * 1000))):
            if descriptor == child.fileno():
                ended_at = time.monotonic()
                watch.unregister(descriptor)
                continue
            chunk = os.read(descriptor, CHUNK_BYTES)
            held[descriptor] += chunk
            if not chunk:
                open_ends.discard(descriptor)
                watch.unregister(descriptor)
        if sum(map(len, held.values())) > limits.output_bytes:
            return {end: data[: limits.output_bytes] for end, data in held.items()}, "output"
    left = None if deadline == float("inf") else max(0.0, deadline - time.monotonic())
    return held, None if child.wait(left) is not None else "wall"
