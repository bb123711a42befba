"""Events as fields of systemd's journal, so that `journalctl ORG_KIND=slot` finds them."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from collections.abc import Mapping
from pathlib import Path

SOCKET = Path("/run/systemd/journal/socket")
RECORD_BYTES_MAX = 2**16
PREFIX = "ORG_"


def listens() -> bool:
    """Whether our output goes to the journal, as a unit's does."""
    return "JOURNAL_STREAM" in os.environ and SOCKET.exists()


def record(message: str, fields: Mapping[str, object]) -> bytes:
    """One entry in the journal's own format, which allows any byte in a value."""
    named = {"MESSAGE": message, "SYSLOG_IDENTIFIER": "org", "PRIORITY": "6"}
    named |= {f"{PREFIX}{key.upper()}": str(value) for key, value in fields.items()}
    return b"".join(map(_field, named.items()))


def _field(item: tuple[str, str]) -> bytes:
    name, value = item[0].encode(), item[1].encode("utf-8", "replace")
    if b"\n" in value:
        return name + b"\n" + struct.pack("<Q", len(value)) + value + b"\n"
    return name + b"=" + value + b"\n"


def send(message: str, fields: Mapping[str, object]) -> None:
    """Write it; an entry that is too long, or nobody to write it, is passed over."""
    entry = record(message, fields)
    if len(entry) > RECORD_BYTES_MAX:
        entry = record(message, {key: str(value)[:200] for key, value in fields.items()})
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line, contextlib.suppress(OSError):
        line.setblocking(False)
        line.sendto(entry, str(SOCKET))
