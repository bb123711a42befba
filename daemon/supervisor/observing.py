"""Look at what runs and propose goals; a person, or a setting, agrees before any is begun."""

from __future__ import annotations

from daemon.core import observed
from daemon.core.goal import Goal
from daemon.state import goals
from daemon.supervisor.world import World
from fitness import steady
from ops.files import read_bounded

LOG_BYTES_MAX = 4 * 2**20
TODO_BYTES_MAX = 256 * 2**10
EVENTS_MAX = 5_000
TODOS = frozenset({"TODO.md", "TODO", "TODO.txt", "docs/TODO.md"})
SEEN = "seen:"


def observe(world: World) -> list[Goal]:
    """The goals that are new; each is proposed once, whatever becomes of it."""
    found = [
        *_errors(world),
        *observed.failing_tools(_events(world)),
        *_flaky(world),
        *_rows(world),
    ]
    added = []
    for wish in found:
        if world.journal.fact(SEEN + wish.id) is not None:
            continue
        proposed = world.settings.schedule.observed != "auto"
        fields = {"text": wish.text, "evidence": wish.evidence, "proposed": proposed}
        goal = goals.make(wish.id, **fields)
        with world.journal.together():
            world.journal.save_goal(goal)
            world.journal.set_fact(SEEN + wish.id, str(world.clock()))
        added.append(goal)
    return added


def _errors(world: World) -> list[observed.Wish]:
    path = world.layout.logs / "current.log"
    if not path.is_file():
        return []
    text = read_bounded(path, LOG_BYTES_MAX).decode("utf-8", "replace")
    return observed.errors(text.splitlines())


def _flaky(world: World) -> list[observed.Wish]:
    named = steady.named(world.layout.evidence)
    return observed.flaky_gates((one.gate, one.commit, one.reason) for one in named)


def _events(world: World) -> list[dict[str, object]]:
    return world.journal.last_events(EVENTS_MAX, "author.result")


def _rows(world: World) -> list[observed.Wish]:
    entries = [one for one in world.history.listing(world.main()) if one.path in TODOS]
    entries = [one for one in entries if one.size <= TODO_BYTES_MAX]
    blobs = world.history.blobs([one.oid for one in entries]) if entries else []
    texts = (blob.decode("utf-8", "replace") for blob in blobs)
    return observed.open_rows(dict(zip((entry.path for entry in entries), texts, strict=True)))
