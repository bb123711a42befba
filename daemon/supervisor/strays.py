"""Cells that serve and that nobody holds: their supervisor died before the keeper had them.

Such a cell has one of our doors at the place where cells find the broker; a process that a
person runs has none, and one of another instance has another.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterable
from pathlib import Path

import psutil

DOOR_INSIDE = "run/org"


def sweep(doors: Iterable[Path], held: Iterable[int]) -> int:
    """End them; `held` are processes inside the cells that are known. The number of the ended."""
    ours = {_identity(door) for door in doors} - {None}
    spared = {_namespace(os.getpid()), *map(_namespace, held)}
    ended = 0
    for pid in psutil.pids():
        inside = _namespace(pid)
        if inside is None or inside in spared:
            continue
        if _identity(Path(f"/proc/{pid}/root") / DOOR_INSIDE) in ours:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                ended += 1
    return ended


def _identity(folder: Path) -> tuple[int, int] | None:
    with contextlib.suppress(OSError):
        found = folder.stat()
        return found.st_dev, found.st_ino
    return None


def _namespace(pid: int) -> int | None:
    """Of process ids; None when it has ended, or is not ours to look at."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/ns/pid").stat().st_ino
    return None
