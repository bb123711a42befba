"""How much a cell wrote where it may: watched from outside, as the kernel does not count it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from itertools import starmap
from pathlib import Path

from ops.files import free_bytes
from ops.mounts import Mount

ENTRIES_MAX = 300_000
BLOCK_BYTES = 512


class Written:
    """A cheap look most of the time: only when a disk shrank are the files themselves counted.

    Both in bytes and in names: an empty file takes none of the first, and one of the second.
    """

    def __init__(
        self, mounts: Iterable[Mount], bytes_max: int, entries_max: int = ENTRIES_MAX
    ) -> None:
        self._folders = [mount.source for mount in mounts if mount.writable]
        self._bytes_max, self._entries_max = bytes_max, entries_max
        self._free = self._free_now()

    def _free_now(self) -> list[tuple[int, int]]:
        """Bytes and names that each folder's disk has left."""
        return [(free_bytes(folder), os.statvfs(folder).f_ffree) for folder in self._folders]

    def too_much(self) -> bool:
        """Whether more lies there than may; also when there is too much to be counted."""
        free = self._free_now()
        if not any(starmap(self._shrank, zip(self._free, free, strict=True))):
            return False
        self._free = free  # others fill the disk as well: not to count again at every look
        total = 0
        for number, size in enumerate(_sizes(self._folders)):
            total += size
            if total > self._bytes_max or number > self._entries_max:
                return True
        return False

    def _shrank(self, before: tuple[int, int], now: tuple[int, int]) -> bool:
        taken, entries = before[0] - now[0], before[1] - now[1]
        return taken > self._bytes_max or entries > self._entries_max


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
