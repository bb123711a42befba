"""Unified diffs: read with care for what models get wrong, applied only where they fit."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

HUNK = re.compile(r"@@ -(\d+)(?:,\d+)? \+\d+(?:,\d+)? @@")
NOWHERE = "/dev/null"
NO_NEWLINE = "\\ No newline"
HUNKS_MAX = 1_000
LINE = re.compile(r"[^\n]*\n|[^\n]+")  # with its end; a form feed or U+2028 ends none


class Unfitting(Exception):
    """The patch cannot be read, or does not fit; the message says where."""


@dataclass
class Hunk:
    """`marked` are its lines with their marks apart; `near` counts from 1, 0 is anywhere."""

    near: int
    marked: list[tuple[str, str]] = field(default_factory=list)

    @property
    def old(self) -> list[str]:
        return [_bare(line) for mark, line in self.marked if mark != "+"]


@dataclass
class Change:
    """Of one file; `old` None makes it, `new` None removes it."""

    old: str | None
    new: str | None
    hunks: list[Hunk] = field(default_factory=list)


def read_patch(text: str) -> list[Change]:
    """Raises Unfitting. Counts in the @@ lines are not trusted: models miscount."""
    changes: list[Change] = []
    lines = text.split("\n")
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
    if mark in ("-", "+", " "):
        hunk.marked.append((mark, rest))
    elif not _bare(line):  # an empty line whose space was lost
        hunk.marked.append((" ", line))


def applied(text: str, hunks: list[Hunk]) -> str:
    """Each hunk where its old lines stand: nearest to where it says. Raises Unfitting.

    Lines that stay keep their ends; new ones get the end that most lines of the file have.
    """
    for one in hunks:
        _trim(one)
    lines, moved, floor = LINE.findall(text), 0, 0
    end = _usual_end(lines or [f"{line}\n" for one in hunks for _, line in one.marked])
    for number, hunk in enumerate(hunks, start=1):
        old = hunk.old
        at = _place([_bare(line) for line in lines], hunk, max(0, hunk.near - 1 + moved), floor)
        if at is None:
            shown = next((one for one in old if one.strip()), "")
            raise Unfitting(f"hunk {number} does not fit: its old lines are not there: {shown!r}")
        new = _new(lines[at : at + len(old)], hunk, end)
        lines[at : at + len(old)] = new
        moved += len(new) - len(old)
        floor = at + len(new)
    return _joined(lines, end, ended=text.endswith("\n") or not text)


def _new(found: list[str], hunk: Hunk, end: str) -> list[str]:
    """What stands there afterwards; `found` are the old lines as the file has them."""
    left, made = iter(found), []
    for mark, line in hunk.marked:
        own = _bare(line) + end if mark == "+" else next(left)
        made += [own] if mark != "-" else []
    return made


def _joined(lines: list[str], end: str, ended: bool) -> str:
    """Only the last line may lack its end, and does when the file's last one did."""
    whole = [line if line.endswith("\n") else line + end for line in lines[:-1]] + lines[-1:]
    if whole and not ended and whole[-1].endswith("\n"):
        whole[-1] = _bare(whole[-1])
    return "".join(whole)


def _bare(line: str) -> str:
    return line.removesuffix("\n").removesuffix("\r")


def _usual_end(lines: list[str]) -> str:
    ended = [line for line in lines if line.endswith("\n")]
    return "\r\n" if 2 * sum(line.endswith("\r\n") for line in ended) > len(ended) else "\n"


def _trim(hunk: Hunk) -> None:
    """Blank lines at the end that only separated it from what follows in the patch."""
    while hunk.marked and hunk.marked[-1][0] == " " and not _bare(hunk.marked[-1][1]):
        hunk.marked.pop()


def _place(lines: list[str], hunk: Hunk, near: int, floor: int) -> int | None:
    old = hunk.old
    if not old:
        return min(max(near, floor), len(lines)) if hunk.near else len(lines)
    last = len(lines) - len(old)
    fits = [at for at in range(floor, last + 1) if lines[at : at + len(old)] == old]
    return min(fits, key=lambda at: abs(at - near)) if fits else None
