"""Appends what comes on descriptor 0 to the log on descriptor 1, from outside of the cell.

Why: who holds a file may cut it, or open it anew and change what it said before; a cell that
holds a pipe can only say more. It ends with the last who holds the pipe, so it outlives whoever
started it, and it reads to the end whatever becomes of the log, so that nobody waits for it.

Started as a script by path, with our own interpreter: it names no module of org.
"""

from __future__ import annotations

import contextlib
import os
import sys

CHUNK_BYTES = 65536


def append(log: int, piece: bytes, bytes_max: int) -> None:
    """What the log or its disk has no room for is lost."""
    with contextlib.suppress(OSError):
        while piece := piece[: max(0, bytes_max - os.fstat(log).st_size)]:
            piece = piece[os.write(log, piece) :]


def main() -> None:
    while piece := os.read(0, CHUNK_BYTES):
        append(1, piece, int(sys.argv[1]))


if __name__ == "__main__":
    main()
