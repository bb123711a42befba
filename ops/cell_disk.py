"""How much a cell wrote where it may: watched from outside, as the kernel does not count it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from ops.files import free_bytes
from ops.mounts import Mount

ENTRIES_MAX = 300_000
BLOCK_BYTES = 512


class Written:
    """A cheap look most of the time: only when the disk shrank are the files themselves counted."""

    def __init__(self, mounts: Iterable[Mount], most: int) -> None:
        self._folders = [mount.source for mount in mounts if mount.writable]
        self._most = most
        self._free = self._free_now()

    def _free_now(self) -> int:
        return min((free_bytes(folder) for folder in self._folders), default=0)

    def too_much(self) -> bool:
        """Whether more lies there than may; also when there is too much to be counted."""
        free = self._free_now()
        if self._free - free <= self._most:
            return False
        self._free = free  # others fill the disk as well: not to count again at every look
        total = 0
        for number, size in enumerate(_sizes(self._folders)):
            total += size
            if total > self._most or number > ENTRIES_MAX:
                return True
        return False


def _sizes(folders: Iterable[Path]) -> Iterator[int]:
    """What each file takes on disk; links are not followed, and what vanishes takes nothing."""
    asked = [str(folder) for folder in folders]
    while asked:
        with contextlib.suppress(OSError), os.scandir(asked.pop()) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    yield entry.stat(follow_symlinks=False).st_blocks * BLOCK_BYTES
                    if entry.is_dir(follow_symlinks=False):
                        asked.append(entry.path)
