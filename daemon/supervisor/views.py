"""What the verbs show: the contract's JSON, built from git, the journal and the slots."""

from __future__ import annotations

import os
import time
from typing import Any

from daemon.core.candidate import ENDED, Candidate, Stage
from daemon.core.project import State as ProjectState
from daemon.core.promotion import State
from daemon.state import goals, projects
from daemon.state.programs import Programs
from daemon.supervisor import frozen, judge
from daemon.supervisor.promoter import Promoter
from daemon.supervisor.slots import Slots
from daemon.supervisor.world import World
from fitness import steady
from ops.errors import Exit, Refused
from ops.loaded import ROOT

SHOWN_MAX = 1000


def status(world: World, slots: Slots, promoter: Promoter) -> dict[str, Any]:
    under_way = [one for one in world.journal.open_candidates() if one.state is not Stage.JUDGED]
    judged = next((one for one in under_way if one.state is Stage.BUILT), None)
    judged = judged or (under_way[-1] if under_way else None)
    return {
        "home": str(world.layout.home),
        "kind": world.instance.kind,
        "supervisor": {
            "pid": os.getpid(),
            "state": "working" if under_way else "ready",
            "uptime_s": round(time.monotonic() - world.began, 1),
            "program": ROOT.name,
            "failed": _failed(world),
            "last_progress_s": round(time.monotonic() - world.last_progress, 1),
        },
        "slots": {
            "current": slots.view("current"),
            "candidate": slots.view("candidate")
            | {"branch": judged.branch if judged and slots.candidate else None},
        },
        "main": world.main(),
        "frozen": (held := frozen.refusal(world)) is not None,
        "why_frozen": f"{held.message}; {held.hint}" if held else None,
        "promotion": _promotion(world, promoter),
        "taken_back": _taken_back(world),
        "cycle": _cycle(judged) if judged else None,
        "cycles": [_cycle(one) for one in under_way],
        "counts": counts(world),
        "projects": projects_of(world),
        "cells": world.settings.cells.backend,
        "flaky": [one.model_dump() for one in steady.named(world.layout.evidence)],
    }


def _cycle(candidate: Candidate) -> dict[str, str]:
    return {"candidate": candidate.id, "state": str(candidate.state)}


def projects_of(world: World) -> list[dict[str, Any]]:
    """The goals that somebody worked on, or that wait for a person, as far as they are."""
    shown = []
    for goal in goals.ordered(world.journal)[:SHOWN_MAX]:
        project = projects.find(world.journal, goal.id)
        if goal.proposed or project.state not in (ProjectState.PLANNING, ProjectState.COMPLETE):
            state = "proposed" if goal.proposed else str(project.state)
            done = sum(task.done for task in project.tasks)
            tasks = {"done": done, "all": len(project.tasks)}
            row = {"goal": goal.id, "title": goal.title, "state": state, "tasks": tasks}
            shown.append(row | {"reason": project.reason})
    return shown


def _failed(world: World) -> str | None:
    """The supervisor that was tried last and did not hold."""
    failed = Programs(world.layout).failed()
    return f"{failed.root.name}: {failed.reason}" if failed else None


def _promotion(world: World, promoter: Promoter) -> dict[str, Any] | None:
    running = promoter.watched or next(iter(world.journal.open_promotions()), None)
    if running is None:
        return None
    return {"id": running.id, "state": str(running.state), "candidate": running.candidate}


def _taken_back(world: World) -> dict[str, Any] | None:
    """The change of what serves that was undone last, and why."""
    last = world.journal.last_promotion(str(State.REVERTED))
    if last is None:
        return None
    left = world.tag_of(last.merge) or last.merge[:12]
    return {"release": left, "reason": last.reason, "tag": last.rollback, "when": last.when}


def counts(world: World) -> dict[str, int]:
    by_state = world.journal.counts()
    ended = sum(by_state.get(str(state), 0) for state in ENDED)
    return {
        "promoted": by_state.get(str(Stage.PROMOTED), 0),
        "rejected": by_state.get(str(Stage.REJECTED), 0),
        "rolled_back": world.journal.count_promotions(str(State.REVERTED)),
        "open": sum(by_state.values()) - ended,
    }


def find(world: World, name: str) -> Candidate:
    """By id or branch. Raises Refused (no such thing)."""
    candidate = world.journal.candidate(name.removeprefix("cand/"))
    if candidate is None:
        raise Refused(f"no candidate {name!r}", "see: orgctl candidates", Exit.ABSENT)
    return candidate


def row(candidate: Candidate) -> dict[str, Any]:
    return {
        "candidate": candidate.id,
        "state": str(candidate.state),
        "goal": candidate.goal,
        "release": candidate.release,
        "reason": candidate.reason,
        "created": candidate.created,
        "tokens": candidate.tokens,
    }


def candidates(world: World) -> dict[str, Any]:
    return {"candidates": [row(one) for one in world.journal.candidates(limit=SHOWN_MAX)]}


def show(world: World, name: str) -> dict[str, Any]:
    candidate = find(world, name)
    card = judge.kept(world, candidate.merge) if candidate.merge else None
    return row(candidate) | {
        "base": candidate.base,
        "head": candidate.head,
        "merge": candidate.merge,
        "branch": candidate.branch,
        "model": candidate.model,
        "needs_approval": candidate.needs_approval,
        "approved": candidate.approved,
        "scorecard": card.model_dump(mode="json") if card else None,
    }


def diff(world: World, name: str) -> dict[str, Any]:
    candidate = find(world, name)
    head = candidate.head or world.history.find(candidate.ref)
    if head and not world.history.has(head):
        raise Refused(f"what {candidate.branch} changed is no longer kept", "", Exit.ABSENT)
    text = world.history.diff(candidate.base, head) if head else ""
    return {"candidate": candidate.id, "base": candidate.base, "head": head, "diff": text}


def outcome(world: World, candidate: Candidate) -> dict[str, Any]:
    """What `evolve` and `promote` say at their end."""
    card = judge.kept(world, candidate.merge) if candidate.merge else None
    return {
        "candidate": candidate.id,
        "outcome": candidate.outcome() or "open",
        "release": candidate.release,
        "commit": candidate.merge,
        "scorecard": card.model_dump(mode="json") if card else None,
        "reason": candidate.reason,
        "tokens": candidate.tokens,
    }
