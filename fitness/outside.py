"""What a served process and all that it started hold and do, as seen from outside of its cell."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import psutil

BLOCK_BYTES = 512  # of st_blocks
KEPT_IN_MEMORY = ("tmp", "dev/shm")  # folders of a cell that are no disk


class Memory(NamedTuple):
    """Bytes in memory, with files that are nowhere else, and bytes that are only reserved."""

    resident: int
    reserved: int


def memory(pid: int) -> Memory:
    """Raises psutil.Error when the process is gone, as the others do."""
    process, *children = _family(pid)
    files = sum(_nameless(one.pid) for one in (process, *children)) + _in_folders(pid)
    told = [process.memory_info()]
    for child in children:
        with suppress(psutil.NoSuchProcess):  # it has ended meanwhile
            told.append(child.memory_info())
    return Memory(sum(one.rss for one in told) + files, sum(one.vms for one in told))


def worked(pid: int) -> float:
    """Seconds of a processor, of those that have ended as well."""
    process, *children = _family(pid)
    seconds = sum(process.cpu_times()[:4])
    for child in children:
        with suppress(psutil.NoSuchProcess):
            seconds += sum(child.cpu_times()[:4])
    return float(seconds)


def descriptors(pid: int) -> int:
    return int(psutil.Process(pid).num_fds())


def _family(pid: int) -> tuple[psutil.Process, ...]:
    process = psutil.Process(pid)
    return process, *process.children(recursive=True)


def _nameless(pid: int) -> int:
    """Of open files that no folder lists any more, or ever did."""
    held: dict[tuple[int, int], int] = {}
    with suppress(OSError):
        for entry in os.scandir(f"/proc/{pid}/fd"):
            with suppress(OSError):  # closed since
                found = Path(entry.path).stat()
                if stat.S_ISREG(found.st_mode) and found.st_nlink == 0:
                    held[found.st_dev, found.st_ino] = found.st_blocks * BLOCK_BYTES
    return sum(held.values())


def _in_folders(pid: int) -> int:
    total = 0
    with suppress(OSError):
        if Path(f"/proc/{pid}/ns/mnt").samefile("/proc/self/ns/mnt"):
            return 0  # no cell: they are everybody's
        for folder in KEPT_IN_MEMORY:
            told = os.statvfs(f"/proc/{pid}/root/{folder}")
            total += (told.f_blocks - told.f_bfree) * told.f_frsize
    return total
