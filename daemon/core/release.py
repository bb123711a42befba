"""What git's history says of releases: which one serves, which one served before.

Pure functions over log entries. main never rewinds: a rollback is a commit on top
whose `Org-Restores` names the release that serves again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

CANDIDATE = "Org-Candidate"
GOAL = "Org-Goal"
BASE = "Org-Base"
VERDICT = "Org-Verdict"
FORMER = "Org-Former"
TOKENS = "Org-Tokens"
REVERTS = "Org-Reverts"
RESTORES = "Org-Restores"
REASON = "Org-Reason"

RELEASE_TAGS = "refs/tags/release/"
FIRST = RELEASE_TAGS + "0"  # what was adopted: no older commit is org's
ROLLBACK_TAGS = "refs/tags/rollback/"
SCORECARDS = "refs/notes/scorecards"
PROBATION = "refs/notes/probation"  # why a release was taken back
BAD = "refs/org/bad/"  # candidate -> the merge result that failed in service
MAIN = "refs/heads/main"
TRAILER_CHARS_MAX = 200
SUBJECT_CHARS_MAX = 72
RESTORE_HOPS_MAX = 10_000


@dataclass(frozen=True)
class Point:
    """One commit, as far as releases go."""

    commit: str
    parents: tuple[str, ...]
    trailers: Mapping[str, str]


@dataclass(frozen=True)
class Release:
    """A commit made runnable: its tree on disk, and the interpreter made from its lock."""

    commit: str
    root: Path
    python: Path


Look = Callable[[str], Point]


class Tangled(ValueError):
    """The history restores itself in a circle; only tampering makes that."""


def serving(main: str, look: Look) -> str:
    """The release that serves when `main` is the head: itself, or what it restores."""
    commit = main
    for _ in range(RESTORE_HOPS_MAX):
        restored = look(commit).trailers.get(RESTORES)
        if restored is None:
            return commit
        commit = restored
    raise Tangled(f"{main} restores more than {RESTORE_HOPS_MAX} times over")


def former(main: str, look: Look) -> str | None:
    """The release that served before the one that serves now; None for the first."""
    now = look(serving(main, look))
    if CANDIDATE not in now.trailers or not now.parents:
        return None
    return serving(now.parents[0], look)


def numbers(refs: Iterable[str], prefix: str) -> list[int]:
    """The numbers of `release/<n>` or `rollback/<n>` among full ref names, ascending."""
    tails = (ref.removeprefix(prefix) for ref in refs if ref.startswith(prefix))
    return sorted(int(tail) for tail in tails if tail.isdecimal())


def next_number(refs: Iterable[str], prefix: str) -> int:
    taken = numbers(refs, prefix)
    return taken[-1] + 1 if taken else 0 if prefix == RELEASE_TAGS else 1


def _written(line: str) -> str:
    """What git can keep and a terminal only shows: no NUL, no control, no half of a pair."""
    return "".join(char for char in line if char.isprintable())


def one_line(text: str, chars: int = TRAILER_CHARS_MAX) -> str:
    """`text` as the value of a trailer: one line, bounded, never able to start another."""
    line = _written(" ".join(text.split()))
    return line if len(line) <= chars else line[: chars - 1] + "…"


def restoring(left: str, restored: str, reason: str | None) -> dict[str, str]:
    """The trailers of a commit that returns from one release to another, and of its tag."""
    return {REVERTS: left, RESTORES: restored, REASON: reason or "asked for"}


def message(subject: str, body: str, trailers: Mapping[str, str]) -> str:
    """A commit or tag message whose last paragraph is exactly `trailers`."""
    block = "\n".join(f"{key}: {one_line(value)}" for key, value in trailers.items())
    lines = "\n".join(_written(line.expandtabs()).rstrip() for line in body.splitlines())
    paragraphs = [
        part for part in (one_line(subject, SUBJECT_CHARS_MAX), lines.strip(), block) if part
    ]
    return "\n\n".join(paragraphs) + "\n"
