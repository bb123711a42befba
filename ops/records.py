"""What git says, as records: changes, entries of trees and logs, and how they are read."""

from __future__ import annotations

from dataclasses import dataclass

FIELDS_COUNT = 6
FIELDS = "%H%x00%T%x00%P%x00%ct%x00%s%x00%(trailers:only,unfold)"


@dataclass(frozen=True)
class RefChange:
    """`new` None deletes; `old` None means that the ref must not exist yet."""

    ref: str
    new: str | None
    old: str | None


@dataclass(frozen=True)
class Change:
    """One path that differs; `status` is git's letter, a missing side is mode 000000."""

    path: str
    status: str
    old_mode: str
    new_mode: str
    old: str
    new: str


@dataclass(frozen=True)
class Entry:
    mode: str
    oid: str
    size: int
    path: str


@dataclass(frozen=True)
class LogEntry:
    oid: str
    tree: str
    parents: tuple[str, ...]
    when: int
    subject: str
    trailers: dict[str, str]


def _trailers(block: str) -> dict[str, str]:
    pairs = (line.split(":", 1) for line in block.split("\n") if ":" in line)
    return {key.strip(): value.strip() for key, value in pairs}


def log_entries(out: bytes) -> tuple[LogEntry, ...]:
    """What `git log -z` with FIELDS says: fields end with a NUL, which no message can hold."""
    said = iter(out.decode("utf-8", "replace").split("\0"))
    rows = zip(*[said] * FIELDS_COUNT, strict=False)
    return tuple(
        LogEntry(oid, tree, tuple(parents.split()), int(when), subject, _trailers(block))
        for oid, tree, parents, when, subject, block in rows
    )


def listed(row: str) -> Entry:
    head, path = row.split("\t", 1)
    mode, kind, oid, size = head.split()
    return Entry(mode, oid, int(size) if kind == "blob" else 0, path)


def changed(head: str, path: str) -> Change:
    old_mode, new_mode, old, new, status = head.removeprefix(":").split()
    return Change(path, status, old_mode, new_mode, old, new)
