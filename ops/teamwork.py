"""A team's run as orgctl sees it: what was planned, how far it is, what came of it."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ops import rooms, talk, teams
from ops.errors import Exit, Failed, Refused
from ops.layout import Layout
from ops.render import BAD, BUSY, GOOD, line

PROGRAM = "daemon.agent.team"
MARKS = {"done": GOOD, "failed": BAD}
Json = dict[str, Any]


def begin(layout: Layout, team: str, task: str, directory: Path | None) -> rooms.RoomFolder:
    """A run that is furnished; nothing has been planned yet."""
    said = teams.read(layout, team)
    folder = rooms.RoomFolder.named(layout, f"{rooms.fresh_name()}-{team}", "runs")
    workspace = talk.chosen_workspace(folder, directory)
    folder.make()
    kept = ("seats", "lead", "tools", "parallel")
    opening: Json = {key: value for key, value in said.items() if key in kept}
    opening |= {"task": task, "criteria": teams.criteria(said)}
    folder.add({**opening, "team": team, "workspace": str(workspace)})
    return folder


def named(layout: Layout, run: str) -> rooms.RoomFolder:
    """Raises Refused when there is no such run."""
    folder = rooms.RoomFolder.named(layout, run, "runs")
    if not folder.transcript.exists():
        raise Refused(f"no run {run}", "see: orgctl plan list", Exit.ABSENT)
    return folder


def listed(layout: Layout) -> list[Json]:
    """Newest first."""
    found = sorted((layout.state / "runs").glob("*/transcript.jsonl"), reverse=True)
    return [view(rooms.RoomFolder(path.parent)) for path in found]


def approve(folder: rooms.RoomFolder) -> None:
    folder.add({"kind": "approved"})


def go_on(layout: Layout, folder: rooms.RoomFolder, quiet: bool) -> Json:
    """Plan if that was not done, then work; what ended already is not done again."""
    furnished, entries = folder.read()
    approved = any(entry.get("kind") == "approved" for entry in entries)
    if furnished is None:
        raise Refused(f"run {folder.name} cannot be read", "begin another: orgctl run")
    opening = {**furnished, "entries": entries, "approved": approved}
    wish = talk.Wish(folder, Path(furnished["workspace"]), opening, PROGRAM)
    began = time.monotonic()
    with talk.talk(layout, wish) as running:
        running.send("begin")
        for event in running.events():
            if event["event"] == "trouble":
                raise Failed(str(event["error"]), str(event["hint"]))
            if event["event"] == "outcome":
                folder.add({"kind": "outcome", **event})
            if not quiet:
                _progress(event, time.monotonic() - began)
    return view(folder)


def _progress(event: Mapping[str, Any], seconds: float) -> None:
    kind = event["event"]
    entry = event.get("entry") or {}
    said = None
    if kind == "begins":
        said = f"{BUSY} {event['id']} · {event['who']} · {event['model']}"
    elif kind == "again":
        said = f"  {event['who']} is asked again: {event['why']}"
    elif entry.get("kind") == "plan":
        said = f"plan: {', '.join(one['id'] for one in entry['plan']['subtasks'])}"
    elif entry.get("kind") == "end":
        mark = MARKS.get(entry["outcome"], "-")
        said = f"{mark} {entry['id']} {entry['outcome']}: {entry['text']}"
    if said is not None:
        print(f"{seconds:6.1f} s  {line(said)}", file=sys.stderr, flush=True)


def view(folder: rooms.RoomFolder) -> Json:
    """The run as its transcript tells it; results stand in the plan's order."""
    furnished, entries = folder.read()
    plan: Json = {"subtasks": []}
    reasons: list[str] = []
    ends: dict[str, Json] = {}
    outcome, tokens = "open", 0
    for entry in entries:
        kind = entry.get("kind")
        if kind == "plan":
            plan, reasons = entry["plan"], entry["reasons"]
        elif kind == "end":
            ends[entry["id"]] = entry
        elif kind == "approved":
            outcome = "open"
        elif kind == "outcome":
            outcome = entry["outcome"]
        tokens += int(entry.get("tokens") or 0)
    rows = [_row(one, ends.get(one["id"], {})) for one in plan["subtasks"]]
    told = furnished or {}
    return {
        "run": folder.name,
        "team": told.get("team"),
        "task": told.get("task"),
        "outcome": outcome,
        "reasons": reasons,
        "plan": rows,
        "tokens": tokens,
        "workspace": told.get("workspace"),
    }


def _row(subtask: Json, end: Mapping[str, Any]) -> Json:
    return {
        **subtask,
        "who": end.get("who") or subtask["who"],
        "state": end.get("outcome", "open"),
        "text": end.get("text", ""),
        "changed": sorted(end.get("changed", {})),
        "tokens": end.get("tokens", 0),
    }
