"""Unified diffs: read with care for what models get wrong, applied only where they fit."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

HUNK = re.compile(r"@@ -(\d+)(?:,\d+)? \+\d+(?:,\d+)? @@")
NOWHERE = "/dev/null"
NO_NEWLINE = "\\ No newline"
HUNKS_MAX = 1_000


class Unfitting(Exception):
    """The patch cannot be read, or does not fit; the message says where."""


@dataclass
class Hunk:
    """`old` and `new` are whole lines without their ends; `near` counts from 1, 0 is anywhere."""

    near: int
    old: list[str] = field(default_factory=list)
    new: list[str] = field(default_factory=list)


@dataclass
class Change:
    """Of one file; `old` None makes it, `new` None removes it."""

    old: str | None
    new: str | None
    hunks: list[Hunk] = field(default_factory=list)


def read_patch(text: str) -> list[Change]:
    """Raises Unfitting. Counts in the @@ lines are not trusted: models miscount."""
    changes: list[Change] = []
    lines = text.splitlines()
    at = 0
    while at < len(lines):
        line = lines[at]
        following = lines[at + 1] if at + 1 < len(lines) else ""
        if line.startswith("--- ") and following.startswith("+++ "):
            changes.append(Change(_path(line), _path(following)))
            at += 2
            continue
        if line.startswith("@@") and changes:
            found = HUNK.match(line)
            changes[-1].hunks.append(Hunk(int(found[1]) if found else 0))
        elif changes and changes[-1].hunks:
            _line(line, changes[-1].hunks[-1])
        at += 1
    if not changes:
        raise Unfitting("the patch holds no `---` and `+++` lines")
    if sum(len(one.hunks) for one in changes) > HUNKS_MAX:
        raise Unfitting(f"the patch has more than {HUNKS_MAX} hunks")
    for one in changes:
        if not one.hunks and one.new is not None:
            raise Unfitting(f"the patch of {one.new} has no @@ line")
    return changes


def _path(line: str) -> str | None:
    path = line[4:].split("\t")[0].strip()
    if path == NOWHERE:
        return None
    return path[2:] if path[:2] in ("a/", "b/") else path


def _line(line: str, hunk: Hunk) -> None:
    if line.startswith(NO_NEWLINE):
        return
    mark, rest = line[:1], line[1:]
    if mark == "-":
        hunk.old.append(rest)
    elif mark == "+":
        hunk.new.append(rest)
    elif mark in (" ", ""):  # an empty line whose space was lost
        hunk.old.append(rest)
        hunk.new.append(rest)


def applied(text: str, hunks: list[Hunk]) -> str:
    """Each hunk where its old lines stand: nearest to where it says. Raises Unfitting."""
    lines, moved, floor = text.splitlines(), 0, 0
    for number, hunk in enumerate(hunks, start=1):
        _trim(hunk)
        at = _place(lines, hunk, max(0, hunk.near - 1 + moved), floor)
        if at is None:
            shown = next((one for one in hunk.old if one.strip()), "")
            raise Unfitting(f"hunk {number} does not fit: its old lines are not there: {shown!r}")
        lines[at : at + len(hunk.old)] = hunk.new
        moved += len(hunk.new) - len(hunk.old)
        floor = at + len(hunk.new)
    ended = text.endswith("\n") or not text
    return "\n".join(lines) + ("\n" if ended and lines else "")


def _trim(hunk: Hunk) -> None:
    """Blank lines at the end that only separated it from what follows in the patch."""
    while hunk.old and hunk.new and hunk.old[-1] == hunk.new[-1] == "":
        hunk.old.pop()
        hunk.new.pop()


def _place(lines: list[str], hunk: Hunk, near: int, floor: int) -> int | None:
    if not hunk.old:
        return min(max(near, floor), len(lines)) if hunk.near else len(lines)
    last = len(lines) - len(hunk.old)
    fits = [at for at in range(floor, last + 1) if lines[at : at + len(hunk.old)] == hunk.old]
    return min(fits, key=lambda at: abs(at - near)) if fits else None
