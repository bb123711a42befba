"""The record of a run: each step is on the disk before the next one has an effect.

One JSON object a line. After a crash the run goes on from the last whole line; the file can
be taken to another machine and go on there.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

from ops.errors import Failed, Refused
from ops.masking import own_mask

VERSION = 1
RECORD_BYTES_MAX = 512 * 2**20
Event = dict[str, Any]


class Record:
    """Appended to by one run at a time."""

    def __init__(self, descriptor: int, path: Path, events: list[Event]) -> None:
        self._descriptor = descriptor
        self._path = path
        self.events = events  # what a former run left

    @classmethod
    def open(cls, path: Path) -> Self:
        """Raises Refused when another run writes it, or a newer org did."""
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            descriptor = os.open(path, flags, 0o600)
        except OSError as error:
            text = f"{path} cannot be written: {error.strerror}"
            raise Failed(text, "see: orgctl doctor") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            raise Refused(f"another run writes {path}", "wait for its end") from error
        made = cls(descriptor, path, list(_whole(descriptor, path)))
        if not made.events:
            made.write({"kind": "record", "version": VERSION})
            _sync_folder(path.parent)
        elif made.events[0].get("version") != VERSION:
            raise Refused(f"{path} was written by a newer org", "use that one")
        return made

    def write(self, event: Mapping[str, Any], durable: bool = True) -> None:
        """Append; when `durable`, it has reached the disk on return. Raises Failed."""
        text = own_mask()(json.dumps(event, ensure_ascii=False))
        line = text.encode("utf-8", "surrogatepass") + b"\n"
        try:
            while line:
                line = line[os.write(self._descriptor, line) :]
            if durable:
                os.fdatasync(self._descriptor)
        except OSError as error:
            text = f"{self._path} cannot be written: {error.strerror}"
            raise Failed(text, "make room on the disk, and start the run again") from error

    def close(self) -> None:
        os.close(self._descriptor)


def _whole(descriptor: int, path: Path) -> Iterator[Event]:
    """The whole lines; what a killed writer left of its last one is cut off."""
    size = os.fstat(descriptor).st_size
    if size > RECORD_BYTES_MAX:
        raise Refused(f"{path} is too long for a record", "begin a new run")
    data = os.pread(descriptor, size, 0)
    end = data.rfind(b"\n") + 1
    if end < size:
        os.ftruncate(descriptor, end)
    for number, line in enumerate(data[:end].split(b"\n")[:-1], start=1):
        try:
            event = json.loads(line.decode("utf-8", "surrogatepass"))
        except (ValueError, RecursionError) as error:
            raise Refused(f"{path}, line {number}, is broken", "begin a new run") from error
        if isinstance(event, dict):
            yield event


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
