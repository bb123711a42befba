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
from ops.lifecycle import boot
from ops.render import BAD, BUSY, GOOD, line

PROGRAM = "daemon.agent.team"
LEAD = "lead"  # whose pane has the plan, whatever the lead is called
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
                folder.add({"kind": "outcome", "outcome": str(event["outcome"])})
            told = _told(event)
            if told is not None:
                _note(folder, *told)
            if told is not None and not quiet:
                seconds = time.monotonic() - began
                print(f"{seconds:6.1f} s  {line(told[1])}", file=sys.stderr, flush=True)
    return view(folder)


def _told(event: Mapping[str, Any]) -> tuple[str, str] | None:
    """Who does it, and what a person is told of it."""
    kind, entry = event["event"], event.get("entry") or {}
    who = str(event.get("who") or entry.get("who") or LEAD)
    if kind == "begins":
        return who, f"{BUSY} {event['id']} · {who} · {event['model']}"
    if kind == "call":
        return who, f"  {event['subtask']} → {event['tool']} {event['arguments']}"
    if kind == "again":
        return who, f"  {event['subtask']}: {who} is asked again: {event['why']}"
    if entry.get("kind") == "plan":
        return who, f"plan: {', '.join(one['id'] for one in entry['plan']['subtasks'])}"
    if entry.get("kind") == "end":
        mark = MARKS.get(entry["outcome"], "-")
        return who, f"{mark} {entry['id']} {entry['outcome']}: {entry['text']}"
    return None


def _note(folder: rooms.RoomFolder, who: str, text: str) -> None:
    """For the pane of who does it."""
    with log_of(folder, who).open("a", encoding="utf-8") as log:
        log.write(line(text) + "\n")


def log_of(folder: rooms.RoomFolder, who: str) -> Path:
    """Raises Refused for a name that no member can have."""
    if not who.isidentifier():
        raise Refused(f"nobody is called {who!r}", "see: orgctl plan show", Exit.ABSENT)
    return folder.path / f"{who}.log"


def panes(layout: Layout, folder: rooms.RoomFolder) -> dict[str, list[str]]:
    """What each teammate's pane runs, the lead's first."""
    furnished, _ = folder.read()
    names = [seat["name"] for seat in (furnished or {}).get("seats", ())]
    home = ("--home", str(layout.home))
    return {
        who: boot("ops.orgctl", *home, "plan", "follow", folder.name, who)
        for who in dict.fromkeys([LEAD, *names])
    }


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
