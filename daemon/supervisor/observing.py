"""Look at what runs and propose goals; a person, or a setting, agrees before any is begun."""

from __future__ import annotations

import json
from collections.abc import Mapping

from pydantic import TypeAdapter, ValidationError

from daemon.core import observed
from daemon.core.goal import Goal
from daemon.state import goals
from daemon.supervisor.world import World
from fitness import steady
from ops.files import read_tail

LOG_BYTES_MAX = 4 * 2**20  # its end: what was logged last
TODO_BYTES_MAX = 256 * 2**10
EVENTS_MAX = 5_000
TODOS = frozenset({"TODO.md", "TODO", "TODO.txt", "docs/TODO.md"})
SEEN = "seen:"
HISTORY = "routes"
ROUTES_MAX, ROUTE_CHARS_MAX, LOOKS_KEPT = 64, 100, 30
Routes = Mapping[str, tuple[int, float]]
ROUTES: TypeAdapter[dict[str, tuple[int, float]]] = TypeAdapter(dict[str, tuple[int, float]])


def routes(said: object) -> Routes:
    """What current's program says of its routes; nothing, when it makes no sense."""
    try:
        told = ROUTES.validate_python(said)
    except ValidationError:
        return {}
    return {name[:ROUTE_CHARS_MAX]: told[name] for name in sorted(told)[:ROUTES_MAX]}


def observe(world: World, asked: Routes) -> list[Goal]:
    """The goals that are new, each proposed once, whatever becomes of it; none when it is off."""
    if world.settings.schedule.observed == "off":
        return []
    found = [
        *_slow(world, asked),
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
    text = read_tail(path, LOG_BYTES_MAX).decode("utf-8", "replace")
    return observed.errors(text.splitlines())


def _flaky(world: World) -> list[observed.Wish]:
    named = steady.named(world.layout.evidence)
    return observed.flaky_gates((one.gate, one.commit, one.reason) for one in named)


def _slow(world: World, asked: Routes) -> list[observed.Wish]:
    """Against earlier looks, which this one then joins."""
    before: dict[str, list[float]] = json.loads(world.journal.fact(HISTORY) or "{}")
    found = observed.slow_routes(asked, before)
    told = {
        name: [*before.get(name, ()), took][-LOOKS_KEPT:]
        for name, (count, took) in asked.items()
        if count >= observed.ASKED_MIN
    }
    kept = dict(list({**before, **told}.items())[-ROUTES_MAX:])
    world.journal.set_fact(HISTORY, json.dumps(kept))
    return found


def _events(world: World) -> list[dict[str, object]]:
    return world.journal.last_events(EVENTS_MAX, "author.result")


def _rows(world: World) -> list[observed.Wish]:
    entries = [one for one in world.history.listing(world.main()) if one.path in TODOS]
    entries = [one for one in entries if one.size <= TODO_BYTES_MAX]
    blobs = world.history.blobs([one.oid for one in entries]) if entries else []
    texts = (blob.decode("utf-8", "replace") for blob in blobs)
    return observed.open_rows(dict(zip((entry.path for entry in entries), texts, strict=True)))
