"""What happened: tried, kept, rejected and why, taken back and why, spent, saved, needed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from daemon.core import release as releases
from daemon.core.budget import total
from daemon.core.candidate import Candidate, Stage
from daemon.core.clockwork import Pace
from daemon.core.events import Kind
from daemon.core.project import State as ProjectState
from daemon.core.promotion import State
from daemon.state import goals, projects
from daemon.supervisor import budgets, frozen, learned
from daemon.supervisor.schedule import Schedule
from daemon.supervisor.world import World

PROMOTIONS_MAX = 1_000
EVENTS_MAX = 10_000  # of promotions, to find when those ended
SPARED = ("the same change as ", "the author changed nothing")


def report(world: World, pace: Pace, schedule: Schedule, since: float) -> dict[str, Any]:
    """Of what came to an end since then (unix seconds), and of what is open.

    Spent is what those cost whose cycle had not ended before: who waits for a person for days
    cost nothing anew.
    """
    until = world.clock()
    tried = _tried(world, since)
    spent = total(budgets.of(world, one) for one in tried if not _ended_before(one, since))
    back = taken_back(world, since)
    merges = {one["merge"] for one in back}
    outcomes = Counter(_outcome(one, merges) for one in tried)
    return {
        "since": since,
        "until": until,
        "tried": len(tried),
        "outcomes": dict(outcomes),
        "candidates": [_row(world, one, merges) for one in tried],
        "reverted": back,
        "gates": dict(Counter(_gate(one) for one in tried if one.state is Stage.REJECTED)),
        "measures": [row for one in tried if (row := _measured(world, one, merges)) is not None],
        "spent": spent.model_dump(),
        "day_limit": budgets.day_limit(world).model_dump(),
        "saved": {"judgements": sum(_spared(one) for one in tried)},
        "learned": learned.table(world.journal),
        "needs": needs(world, pace, schedule),
    }


def _tried(world: World, since: float) -> list[Candidate]:
    """Oldest first. By their ends: what began before is told by the report that sees it end."""
    found = (*world.journal.decided_since(since), *world.journal.open_candidates())
    return sorted(found, key=lambda one: one.id)


def _ended_before(candidate: Candidate, since: float) -> bool:
    return candidate.ended is not None and candidate.ended < int(since)


def _outcome(candidate: Candidate, back: set[Any]) -> str:
    return "reverted" if candidate.merge in back else candidate.outcome() or str(candidate.state)


def _row(world: World, candidate: Candidate, back: set[Any]) -> dict[str, Any]:
    used = budgets.of(world, candidate)
    return {
        "candidate": candidate.id,
        "goal": candidate.wish.id if candidate.wish else None,
        "text": candidate.goal.strip().split("\n", 1)[0],
        "outcome": _outcome(candidate, back),
        "release": candidate.release,
        "reason": candidate.reason,
        "model": candidate.model,
        "protocol": candidate.protocol,
        "tokens": used.tokens,
        "money": used.money,
        "wall_seconds": used.wall_seconds,
    }


def taken_back(world: World, since: float) -> list[dict[str, Any]]:
    """What was in service and is no more, by probation or by a person, from `since` on."""
    said = world.journal.last_events(EVENTS_MAX, Kind.PROMOTION)
    at = {one["id"]: one["at"] for one in said if one["state"] == State.REVERTED}
    promotions = world.journal.promotions(PROMOTIONS_MAX)
    # Its own time is when it began; of a journal that was rebuilt from git no other is known.
    ended = (one for one in promotions if at.get(one.id, one.when) >= since)
    return [
        {
            "candidate": one.candidate or world.point(one.merge).trailers.get(releases.CANDIDATE),
            "merge": one.merge,
            "release": one.release or world.tag_of(one.merge),
            "tag": one.rollback,
            "reason": one.reason,
        }
        for one in ended
        if one.state is State.REVERTED
    ]


def _gate(candidate: Candidate) -> str:
    """Who said no: a gate, else the author's own end or what spared a judgement."""
    if candidate.scorecard is not None:
        return (candidate.reason or "unknown").split(":", 1)[0]
    return "no new idea" if _spared(candidate) else "author"


def _spared(candidate: Candidate) -> bool:
    return candidate.scorecard is None and (candidate.reason or "").startswith(SPARED)


def _measured(world: World, candidate: Candidate, back: set[Any]) -> dict[str, Any] | None:
    """Median before and after, of a goal that has a measure."""
    asked = (candidate.wish.acceptance or {}) if candidate.wish else {}
    path = world.layout.evidence / candidate.id / "goal.json"
    if not asked.get("measure") or not path.is_file():
        return None
    try:
        found = json.loads(path.read_bytes())
        pairs = found.get("pairs") or found["details"]["pairs"]
        before, after = (sorted(side)[len(pairs) // 2] for side in zip(*pairs, strict=True))
    except (ValueError, LookupError, TypeError):
        return None
    row = {"candidate": candidate.id, "goal": candidate.wish.id if candidate.wish else None}
    return row | {"before": before, "after": after, "kept": _outcome(candidate, back) == "promoted"}


def needs(world: World, pace: Pace, schedule: Schedule) -> list[dict[str, str]]:
    """What waits for a person, each with the next step."""
    found = [*_waiting(world, schedule), *_goals(world)]
    for name, why in schedule.failures().items():
        found.append((f"the job {name} failed: {why}", f"orgctl schedule run {name}"))
    if pace.paused:
        found.append(("cycles are paused after rejections", "orgctl schedule resume"))
    found += [(one.message, one.hint) for one in frozen.standing(world)]
    if (held := budgets.spent(world)) is not None:
        found.append((held, "orgctl budget"))
    if world.settings.cells.backend == "none":
        text = "model-written code runs without walls"
        found.append((text, 'set backend = "bubblewrap" in [cells]'))
    return [{"what": what, "next": step} for what, step in found]


def _waiting(world: World, schedule: Schedule) -> Iterator[tuple[str, str]]:
    """Candidates that passed; one that the next cycle promotes by itself needs nobody."""
    by_itself = world.settings.policy.promote == "auto" and schedule.rule("cycles")
    for one in world.journal.open_candidates():
        if one.outcome() != "awaiting-approval":
            continue
        if one.wants_a_yes:
            yield f"{one.branch} waits for a yes: {one.goal}", f"orgctl approve {one.id}"
        elif not by_itself:
            yield f"{one.branch} waits to be promoted: {one.goal}", f"orgctl promote {one.id}"


def _goals(world: World) -> Iterator[tuple[str, str]]:
    spent, done = budgets.exhausted(world), goals.reached(world.journal)
    for goal in goals.ordered(world.journal):
        project = projects.find(world.journal, goal.id)
        if goal.proposed:
            yield f"proposed goal {goal.title}", f"orgctl goal accept {goal.id}"
        elif project.state is ProjectState.BLOCKED:
            yield f"{goal.id} is blocked: {project.reason}", f"orgctl goal retry {goal.id}"
        elif goal.id in spent and goal.id not in done:
            yield f"{goal.id} has used up its own budget: {spent[goal.id]}", "orgctl budget"


def summary(found: dict[str, Any]) -> str:
    """One line, for notices."""
    counts = dict(found["outcomes"])
    if earlier := len(found["reverted"]) - counts.get("reverted", 0):
        counts["taken back that served before"] = earlier
    told = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
    money = found["spent"]["money"]
    price = "an unknown sum" if money is None else f"{money:.2f}"
    needed = f"; {len(found['needs'])} things need a person" if found["needs"] else ""
    return f"{told or 'nothing was tried'}; {found['spent']['tokens']} tokens, {price}{needed}"
