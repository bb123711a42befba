"""Logs that grew too long: copied aside and cut, because their writers keep them open."""

from __future__ import annotations

import os
from pathlib import Path

CHUNK_BYTES = 2**20
ROUNDS_MAX = 100


def turn(log: Path, bytes_max: int, kept: int) -> bool:
    """`log` becomes `log.1`, and so on up to `log.<kept>`; whether it was long enough.

    Writers append, so what they write after the cut stands at its start. Only what is written
    between the last copy and the cut, some microseconds, is lost.
    """
    if log.stat().st_size <= bytes_max:
        return False
    fresh = log.with_name(f"{log.name}.new")
    with log.open("r+b") as source, fresh.open("wb") as copy:
        os.fchmod(copy.fileno(), 0o600)
        for _ in range(ROUNDS_MAX):  # a writer that never pauses does not hold this up
            while chunk := source.read(CHUNK_BYTES):
                copy.write(chunk)
            if source.tell() == os.fstat(source.fileno()).st_size:
                break
        copy.flush()
        os.fsync(copy.fileno())
        os.ftruncate(source.fileno(), 0)
    _shift(log, kept)
    if kept:
        fresh.rename(log.with_name(f"{log.name}.1"))
    else:
        fresh.unlink()
    return True


def _shift(log: Path, kept: int) -> None:
    for old in sorted(log.parent.glob(f"{log.name}.[0-9]*")):
        suffix = old.suffix.removeprefix(".")
        if suffix.isdecimal() and int(suffix) >= kept:
            old.unlink()
    for number in range(kept - 1, 0, -1):
        old = log.with_name(f"{log.name}.{number}")
        if old.exists():
            old.rename(log.with_name(f"{log.name}.{number + 1}"))
