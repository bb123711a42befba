"""A lease on a piece of work: flock, which the kernel drops with its holder, and who and why."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from ops.errors import Exit, Refused

RECORD_BYTES_MAX = 4096
POLL_SECONDS = 0.02


def holder(path: Path) -> dict[str, Any] | None:
    """Who holds it: {"pid", "why", "since"}; None when nobody does."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return _record(descriptor)
    finally:
        os.close(descriptor)
    return None


def _record(descriptor: int) -> dict[str, Any]:
    found: dict[str, Any]
    try:
        found = dict(json.loads(os.pread(descriptor, RECORD_BYTES_MAX, 0)))
    except (ValueError, TypeError):
        found = {}  # taken, but not yet written down
    return {"pid": None, "why": "another operation", "since": time.time()} | found


def _busy(record: dict[str, Any]) -> Refused:
    since = datetime.fromtimestamp(record["since"]).strftime("%H:%M:%S")
    text = f"busy: {record['why']} since {since} (pid {record['pid']})"
    return Refused(text, "wait for it, or see: orgctl status", Exit.BUSY)


@contextmanager
def hold(path: Path, why: str, seconds: float = 0.0) -> Iterator[int]:
    """Hold it while inside; waits up to `seconds`. Gives the descriptor. Raises Refused (busy)."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise Refused(f"{path} is a link", "remove it", Exit.MISUSE) from error
        raise Refused(f"{path}: {error.strerror}", "check who owns it") from error
    try:
        _take(descriptor, seconds)
        record = {"pid": os.getpid(), "why": why, "since": time.time()}
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(record).encode(), 0)
        yield descriptor
    finally:
        os.close(descriptor)


def _take(descriptor: int, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise _busy(_record(descriptor)) from None
            time.sleep(POLL_SECONDS)
        else:
            return
