"""What an instance no longer keeps: a pure plan over what is there, by age, count and size.

What is held (serves, served, could serve again, is open or judged, is used by a process) is never
in the plan, whatever the limits say; it counts towards them, as it takes its room all the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from daemon.core.release import Look, former, serving


class Room(StrEnum):
    """What is kept, and what its items are."""

    RELEASES = "releases"  # trees on disk; git can make each again
    VENVS = "venvs"
    BRANCHES = "branches"  # of ended candidates, with the ref of the judged merge
    WORKSPACES = "workspaces"  # authors' copies, whose every step is on a branch
    EVIDENCE = "evidence"


@dataclass(frozen=True)
class Item:
    """One thing in a room; `when` is unix seconds, `held` says why it must stay."""

    room: Room
    name: str
    when: float
    size_bytes: int = 0
    held: str | None = None


@dataclass(frozen=True)
class Limit:
    """All three hold at once, newest first."""

    count: int
    age_seconds: float
    size_bytes: int


@dataclass(frozen=True)
class Surplus:
    """An item that goes, and the limit that it is beyond."""

    item: Item
    why: str


def plan(items: Iterable[Item], limits: Mapping[Room, Limit], now: float) -> tuple[Surplus, ...]:
    """What goes, room by room, the oldest first."""
    rooms: dict[Room, list[Item]] = {}
    for item in items:
        rooms.setdefault(item.room, []).append(item)
    return tuple(
        gone for room in sorted(rooms) for gone in _surplus(rooms[room], limits[room], now)
    )


def _surplus(items: list[Item], limit: Limit, now: float) -> list[Surplus]:
    """Once one is beyond count or size, all that are older are: no old one outlives a newer."""
    held = [item for item in items if item.held is not None]
    others = [item for item in items if item.held is None]
    count, size = len(held), sum(item.size_bytes for item in held)
    gone: list[Surplus] = []
    why: str | None = None
    for item in sorted(others, key=lambda one: (-one.when, one.name)):
        count, size = count + 1, size + item.size_bytes
        why = why or _beyond(limit, count, size, now - item.when)
        if why is not None:
            gone.append(Surplus(item, why))
    return gone[::-1]


def _beyond(limit: Limit, count: int, size_bytes: int, age_seconds: float) -> str | None:
    if age_seconds > limit.age_seconds:
        return "age"
    if count > limit.count:
        return "count"
    return "bytes" if size_bytes > limit.size_bytes else None


def returnable(main: str, look: Look, count: int) -> tuple[str, ...]:
    """What serves, its former, and on: the releases that taking back would come to."""
    commit: str | None = serving(main, look)
    found: list[str] = []
    while commit is not None and len(found) < max(count, 2):
        found.append(commit)
        commit = former(commit, look)
    return tuple(found)
