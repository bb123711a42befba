"""Cells: one process tree without network or secrets, seeing only what was mounted for it.

Backends: `bubblewrap` (the default) and `none`, which must be asked for by name.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ops.errors import Exit, Refused
from ops.processes import Child, spawn

INFO_FD = 90  # where bubblewrap tells the pid of the process inside
INFO_BYTES_MAX = 4096
INFO_SECONDS = 10.0
CHUNK_BYTES = 65536
DRAIN_SECONDS = 2.0
POLL_MS = 250


@dataclass(frozen=True)
class Mount:
    """`source` of the machine appears as `target` in the cell."""

    source: Path
    target: Path
    writable: bool = False


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
SYSTEM_MOUNTS = tuple(
    Mount(Path(name), Path(name))
    for name in ("/usr", "/etc/alternatives", "/etc/ld.so.cache", "/etc/ssl/certs")
)
SYSTEM_LINKS = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
FILES = {"/etc/passwd": "org:x:{user}:{group}::/tmp:/bin/sh\n", "/etc/group": "org:x:{group}:\n"}


@dataclass(frozen=True)
class Cell:
    """A command and its walls; `fds` maps descriptor numbers inside to ours."""

    argv: tuple[str, ...]
    mounts: tuple[Mount, ...] = SYSTEM_MOUNTS
    directory: str = "/tmp"
    environment: Mapping[str, str] = field(default_factory=dict)
    limits: Limits = DEFAULT
    fds: Mapping[int, int] = field(default_factory=dict)
    backend: str = "bubblewrap"


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


def python_mounts(python: Path) -> tuple[Mount, ...]:
    """What an environment's interpreter needs to run: the environment and its base, read-only."""
    environment = python.parent.parent
    homes = [environment] if (environment / "pyvenv.cfg").exists() else []
    base = python.resolve().parent.parent
    if base != Path("/usr"):
        homes.append(base)
    return tuple(Mount(home, home) for home in dict.fromkeys(homes))


def search_path(cell: Cell) -> str:
    """PATH inside: the interpreters that were mounted, then the system's."""
    added = [f"{m.target}/bin" for m in cell.mounts if (m.source / "bin/python3").exists()]
    added = [entry for entry in added if not entry.startswith("/usr")]
    return ":".join([*added, "/usr/local/bin", "/usr/bin", "/bin"])


def command(cell: Cell) -> tuple[str, ...]:
    """The whole argv that makes the cell and runs its command. Pure but for looking at mounts."""
    return (*_limits(cell.limits), *_walls(cell), *cell.argv)


def _limits(limits: Limits) -> list[str]:
    flags = [
        f"--as={limits.memory_bytes}",
        f"--fsize={limits.file_bytes}",
        f"--nofile={limits.open_files}",
        "--core=0",
    ]
    flags += [f"--cpu={limits.cpu_seconds}"] if limits.cpu_seconds else []
    return ["prlimit", *flags, "--"]


def _walls(cell: Cell) -> list[str]:
    if cell.backend == "none":
        return ["env", "-C", cell.directory]
    flags = ["bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--as-pid-1"]
    flags += ["--cap-drop", "ALL", "--hostname", "cell", "--info-fd", str(INFO_FD)]
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
    return [*flags, "--"]


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
    environment = inside(cell) if cell.backend == "none" else {"PATH": os.environ.get("PATH", "")}
    told, tell = os.pipe()
    fds = {**cell.fds, INFO_FD: tell}
    fds |= {number: ours for number, ours in ((1, stdout), (2, stderr)) if ours is not None}
    try:
        child = spawn(command(cell), environment=environment, fds=fds)
    finally:
        os.close(tell)
    try:
        if cell.backend == "bubblewrap":
            child.inner = _inner(told)
    finally:
        os.close(told)
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
    open_ends, ended_at = set(held), float("inf")
    while open_ends:
        now = time.monotonic()
        if now >= deadline:
            return held, "wall"
        if child.poll() is not None:
            ended_at = min(ended_at, now)
            if now - ended_at > DRAIN_SECONDS:  # a grandchild holds the pipe; it is not waited for
                return held, None
        wait = min(POLL_MS / 1000, deadline - now)
        ready, _, _ = select.select([*open_ends, child.fileno()], [], [], wait)
        for end in open_ends & set(ready):
            chunk = os.read(end, CHUNK_BYTES)
            held[end] += chunk
            if not chunk:
                open_ends.discard(end)
        if sum(map(len, held.values())) > limits.output_bytes:
            return {end: data[: limits.output_bytes] for end, data in held.items()}, "output"
    left = None if deadline == float("inf") else max(0.0, deadline - time.monotonic())
    return held, None if child.wait(left) is not None else "wall"
