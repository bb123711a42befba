"""Cells: one process tree without network or secrets, seeing only what was mounted for it.

Backends: `bubblewrap` (the default), `docker`, and `none`, which must be asked for by name.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import select
import signal
import stat
import sys
import time
from collections.abc import Iterator, Mapping

from ops import cell_bubblewrap, cell_docker
from ops.cell_disk import Written
from ops.cell_order import DEFAULT, Cell, Limits, Outcome, inside, per_process, prlimit
from ops.cgroups import Use
from ops.errors import Exit, Refused
from ops.loaded import ROOT
from ops.mounts import SYSTEM_MOUNTS, Mount, python_mounts
from ops.processes import Child, spawn

__all__ = [
    "DEFAULT",
    "SYSTEM_MOUNTS",
    "Cell",
    "Limits",
    "Mount",
    "Outcome",
    "Use",
    "Written",
    "available",
    "python_mounts",
    "run",
    "start",
    "walls",
]
MARK = "ORG_CELL"  # marks what belongs to a cell that has no walls
CHUNK_BYTES = 65536
DRAIN_SECONDS = 2.0
POLL_MS = 250
SHELL_SIGNALS = range(129, 193)  # how an end by a signal is told through a parent
LIMIT_OF_SIGNAL = {int(signal.SIGXCPU): "cpu", int(signal.SIGXFSZ): "file"}


def available(backend: str) -> None:
    """Raises Refused, with the remedy, when cells of this kind cannot be made here."""
    if backend == "bubblewrap":
        cell_bubblewrap.available()
    elif backend == "docker":
        cell_docker.available()
    elif backend != "none":
        text = f"cells of kind {backend!r} are not known"
        raise Refused(text, "use bubblewrap or docker", Exit.MISUSE)


def walls(backend: str) -> tuple[str, ...]:
    """What stands between such a cell and the machine, for people. Raises Refused."""
    available(backend)
    if backend == "none":
        return ("no walls",)
    return cell_docker.walls() if backend == "docker" else cell_bubblewrap.walls()


def start(cell: Cell, stdout: int | None, stderr: int | None) -> Child:
    """Start it and leave it running. Raises Refused when cells cannot be made here.

    What it says to a file, ours where none is named, is appended from outside: the file
    itself is not handed in.
    """
    available(cell.backend)
    said = {1: 1 if stdout is None else stdout, 2: 2 if stderr is None else stderr}
    files = {ours for ours in said.values() if stat.S_ISREG(os.fstat(ours).st_mode)}
    with contextlib.ExitStack() as writers:
        made = {log: writers.enter_context(_writer(log, cell.limits.file_bytes)) for log in files}
        ends = {log: end for log, (end, _) in made.items()}
        child = _started(cell, {number: ends.get(ours, ours) for number, ours in said.items()})
    child.writers = tuple(writer for _, writer in made.values())
    return child


@contextlib.contextmanager
def _writer(log: int, bytes_max: int) -> Iterator[tuple[int, Child]]:
    """The end of a pipe, closed here at the end, and who appends to the log what comes by it."""
    come, end = os.pipe()
    argv = (sys.executable, "-I", "-S", str(ROOT / "ops/cell_log.py"), str(bytes_max))
    with os.fdopen(come, "rb", 0), os.fdopen(end, "wb", 0) as pipe:
        writer = spawn(argv, environment={}, fds={0: come, 1: log, 2: log})
        try:
            yield end, writer
        except BaseException:
            pipe.close()
            writer.wait(DRAIN_SECONDS)
            raise


def _started(cell: Cell, said: Mapping[int, int]) -> Child:
    fds = {**cell.fds, **said}
    if cell.backend == "none":
        return _start_unwalled(cell, fds)
    if cell.backend == "docker":
        return cell_docker.start(cell, fds)
    return cell_bubblewrap.start(cell, fds)


_numbers = itertools.count(1)


def _start_unwalled(cell: Cell, fds: Mapping[int, int]) -> Child:
    mark = f"{os.getpid()}.{next(_numbers)}"
    argv = [*prlimit(per_process(cell.limits)), "env", "-C", cell.directory, *cell.argv]
    child = spawn(argv, environment=inside(cell) | {MARK: mark}, fds=fds)
    child.mark = f"{MARK}={mark}"
    return child


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
        held, limit = _collect(child, {out: b"", err: b""}, cell, began)
    finally:
        child.kill()
        os.close(out)
        os.close(err)
    code, number, limit = _told(child, cell, limit)
    child.close()
    return Outcome(
        exit=code,
        signal=number,
        limit=limit,
        stdout=held[out],
        stderr=held[err],
        truncated=limit == "output",
        seconds=time.monotonic() - began,
        use=child.use(),
    )


def _told(child: Child, cell: Cell, limit: str | None) -> tuple[int | None, int | None, str | None]:
    """Exit code, signal, or the limit behind them; exactly one of the three says how it ended."""
    code, use = child.poll(), child.use()
    number = -code if code is not None and code < 0 else None
    if cell.backend != "none" and code is not None and code in SHELL_SIGNALS:
        number = code - SHELL_SIGNALS.start + 1
    if number is not None:
        limit = limit or LIMIT_OF_SIGNAL.get(number) or _reached(use, cell.limits)
    if "memory" in use.refused:
        limit = limit or "memory"
    if limit is not None:
        return None, None, limit
    return (code, None, None) if number is None else (None, number, None)


def _reached(use: Use, limits: Limits) -> str | None:
    """The limit on a whole tree that was passed, if any."""
    if "memory" in use.refused:
        return "memory"
    spent = limits.cpu_seconds is not None and (use.cpu_seconds or 0) >= limits.cpu_seconds
    return "cpu" if spent else None


def _collect(
    child: Child, held: dict[int, bytes], cell: Cell, began: float
) -> tuple[dict[int, bytes], str | None]:
    """Read both streams until the command ended, or a limit was reached."""
    limits, written = cell.limits, Written(cell.mounts, cell.limits.disk_bytes)
    deadline = began + limits.wall_seconds if limits.wall_seconds else float("inf")
    watch, open_ends, ended_at = select.poll(), set(held), float("inf")
    for descriptor in (*held, child.fileno()):
        watch.register(descriptor, select.POLLIN)
    looked = began
    while open_ends or ended_at == float("inf"):
        now = time.monotonic()
        if now >= deadline:
            return held, "wall"
        if now - ended_at > DRAIN_SECONDS:  # a grandchild holds the pipe; it is not waited for
            return held, None
        if now - looked > POLL_MS / 1000:
            looked = now
            if (limit := _reached(child.use(), limits)) is not None:
                return held, limit
            if written.too_much():
                return held, "disk"
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
    return held, None
