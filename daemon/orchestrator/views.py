"""What the views show, made from what the supervisor tells; nothing here touches the world."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from daemon.orchestrator.diff import by_file
from daemon.orchestrator.words import ago, clock, count, money
from ops import pictures

Row = Mapping[str, Any]
STAGES = ("goal", "author", "merge", "build", "serve", "gates", "promote", "probation")
REACHED = {  # how far a cycle is in each state of its candidate
    "drafting": 1,
    "drafted": 2,
    "built": 4,
    "serving": 5,
    "judged": 6,
    "promoted": 7,
}
WAITS = "awaiting-approval"
FEED_MAX, RELEASES_MAX, MEASURES_MAX = 30, 100, 200
TRANSCRIPT_MAX, LINE_CHARS_MAX = 120, 2000


# Now


def now(found: Row, own: Sequence[Row], events: Sequence[Row]) -> dict[str, Any]:
    gates = gate_rows(own)
    return {
        "steps": steps(found, own),
        "gates": gates,
        "transcript": transcript(own),
        "feed": [one for one in map(told, reversed(events)) if one][:FEED_MAX],
        "probation": probation(found),
    }


def steps(found: Row, own: Sequence[Row]) -> list[dict[str, str]]:
    """The stages of a cycle, each done, active, failed or ahead."""
    cycle, promotion = found.get("cycle"), found.get("promotion")
    ended = next((one for one in reversed(own) if one["kind"] == "cycle.ended"), None)
    at, failed = -1, False
    if cycle:
        at = _gone_to(cycle["state"], own)
    elif promotion and promotion["state"] == "serving":
        at = 7
    elif promotion:
        at = 6
    elif ended and "promoted" in (ended.get("outcome"), _state(own)):
        at = len(STAGES)
    elif ended and ended.get("outcome") == WAITS and _state(own) in (None, "judged"):
        at = REACHED["judged"]
    elif ended:
        at, failed = _fell(own), True
    rows = []
    for index, name in enumerate(STAGES):
        state = "done" if index < at else "active" if index == at else "ahead"
        rows.append({"name": name, "state": "failed" if failed and index == at else state})
    return rows


def _state(own: Sequence[Row]) -> str | None:
    """What the candidate was said to be last."""
    said = [str(one["state"]) for one in own if one["kind"] == "candidate.state"]
    return said[-1] if said else None


def _gone_to(state: str, own: Sequence[Row]) -> int:
    """A candidate is called built or serving while its gates speak."""
    at = REACHED.get(state, 1)
    return 5 if 2 < at < 6 and any(str(one["kind"]).startswith("gate.") for one in own) else at


def _fell(own: Sequence[Row]) -> int:
    """The stage in which a rejected candidate fell."""
    reached = [
        REACHED.get(str(one.get("state")), 0) for one in own if one["kind"] == "candidate.state"
    ]
    at = max([1, *reached])
    return 5 if any(one["kind"] == "gate.ended" for one in own) else at


def gate_rows(own: Sequence[Row]) -> list[dict[str, Any]]:
    """The newest word of each gate; one that began and has not ended runs."""
    rows: dict[str, dict[str, Any]] = {}
    for one in own:
        if one["kind"] == "gate.started":
            rows[str(one["name"])] = {"name": one["name"], "state": "active", "seconds": None,
                                      "reason": "", "at": one["at"]}  # fmt: skip
        elif one["kind"] == "gate.ended":
            rows[str(one["name"])] = {
                "name": one["name"], "state": "done" if one["passed"] else "failed",
                "seconds": one["seconds"], "reason": one["reason"], "at": one["at"],
            }  # fmt: skip
    return list(rows.values())


def probation(found: Row) -> dict[str, Any] | None:
    told = found.get("probation")
    if not told or not told.get("since"):
        return None
    passed = max(0.0, found["at"] - told["since"])
    whole = told["seconds"] or 1.0
    share = min(100, round(100 * passed / whole))
    return {"left": ago(whole - passed), "share": share, "release": told.get("release")}


def transcript(own: Sequence[Row]) -> list[dict[str, str]]:
    """What an author said and did, as lines; the newest last."""
    rows = []
    for one in own:
        kind, said = str(one["kind"]), one.get("said") or {}
        if not kind.startswith("author.") or not isinstance(said, Mapping):
            continue
        word = kind.removeprefix("author.")
        text = {
            "turn": said.get("text") or said.get("summary") or said.get("content"),
            "call": f"{said.get('tool')} {_shown(said.get('arguments'))}",
            "result": said.get("summary") or said.get("text"),
            "step": f"commit: {said.get('summary')}",
            "ended": f"{said.get('status')}: {said.get('reason')}",
        }.get(word)
        ok = "bad" if word == "result" and said.get("ok") is False else ""
        if text and str(text).strip():
            rows.append({"kind": word, "ok": ok, "at": clock(one["at"]),
                         "text": str(text).strip()[:LINE_CHARS_MAX]})  # fmt: skip
    return rows[-TRANSCRIPT_MAX:]


def _shown(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def told(event: Row) -> dict[str, str] | None:
    """One event as a line of the feed; those that only fill are left out."""
    kind = str(event["kind"])
    candidate = str(event.get("candidate") or "")
    text, state = "", "dim"
    if kind == "gate.ended":
        good = bool(event["passed"])
        text = f"gate {event['name']} {'passed' if good else 'failed'} in {event['seconds']:.1f} s"
        text += "" if good else f": {event['reason']}"
        state = "good" if good else "bad"
    elif kind == "candidate.state":
        text = f"candidate {event['state']}" + _why(event)
        state = {"promoted": "good", "rejected": "bad"}.get(str(event["state"]), "cool")
    elif kind == "promotion.state":
        text = f"{event.get('release') or 'promotion'} {event['state']}" + _why(event)
        state = {"settled": "good", "reverting": "warm", "reverted": "warm"}.get(
            str(event["state"]), "cool"
        )
    elif kind == "slot.state":
        text = f"slot {event['slot']} {event['state']}"
    elif kind == "cycle.started":
        text, state = f"a cycle began: {event.get('goal')}", "cool"
    elif kind in ("notice", "cycle.model"):
        text = str(event.get("text"))
    if not text:
        return None
    return {"at": clock(event["at"]), "text": text[:300], "state": state, "candidate": candidate}


def _why(event: Row) -> str:
    return f": {event['reason']}" if event.get("reason") else ""


# Candidates


def archive(found: Row, states: Sequence[Row]) -> dict[str, Any]:
    counts = found["counts"]
    return {
        "rows": found["candidates"],
        "counts": sorted(counts.items(), key=lambda pair: -pair[1]),
        "total": sum(counts.values()),
        "strip": pictures.strip(states),
    }


def candidate(one: Row, diff: Row, events: Sequence[Row]) -> dict[str, Any]:
    card = one.get("scorecard") or {}
    gates = card.get("gates") or []
    longest = max((gate["seconds"] for gate in gates), default=1.0) or 1.0
    moves = [
        {"at": clock(event["at"]), "state": event["state"], "reason": event.get("reason") or ""}
        for event in events
        if event["kind"] == "candidate.state"
    ]
    files, cut = by_file(diff["diff"])
    return {
        "gates": [
            gate | {"share": max(1, round(100 * gate["seconds"] / longest))} for gate in gates
        ],
        "missing": [
            name for name in card.get("expected") or [] if name not in {g["name"] for g in gates}
        ],
        "running": gate_rows(events),
        "moves": moves,
        "transcript": transcript(events),
        "files": files,
        "cut": cut or diff.get("cut", False),
    }


# Fitness and releases


def fitness(states: Sequence[Row], gates: Sequence[Row], measures: Sequence[Row]) -> dict[str, Any]:
    promoted = sum(one["state"] == "promoted" for one in states)
    ended = sum(one["state"] in ("promoted", "rejected", "abandoned") for one in states)
    tokens = sum(one["tokens"] for one in states)
    return {
        "measures": [pictures.measure(measures, name) for name in pictures.names(measures)],
        "measured": measured(measures),
        "total": len(states),
        "rate": f"{promoted / ended:.0%}" if ended else "–",
        "promoted": promoted,
        "per_promotion": count(tokens / promoted) if promoted else "–",
        "tokens": count(tokens),
        "outcomes": pictures.outcomes(states, gates),
        "spending": pictures.spending(states),
        "heat": pictures.heat(gates) if gates else "",
        "durations": [pictures.durations(gates, name) for name in pictures.names(gates)],
    }


def measured(measures: Sequence[Row]) -> dict[str, Any]:
    """The same as a table: a row for each release, newest first, a column for each measure."""
    rows: dict[str, dict[str, Row]] = {}
    for one in reversed(measures[-MEASURES_MAX:]):
        rows.setdefault(str(one["release"]), {})[str(one["name"])] = dict(one) | {
            "shade": pictures.shade(one)
        }
    return {"names": pictures.names(measures), "rows": rows}


def cost(spent: Row) -> str:
    """Money for each accepted improvement among the newest candidates."""
    newest = spent.get("newest")
    if not newest or not newest["promoted"]:
        return "–"
    return money(None if newest["money"] is None else newest["money"] / newest["promoted"])


def releases(found: Row, archived: Row, now: Row, before: str | None = None) -> dict[str, Any]:
    """The pictures show the newest; the list is told in pages, each from before a tag."""
    rows = found["releases"]
    first = next((at for at, one in enumerate(rows) if one["tag"] == before), -1) + 1
    listed = rows[first : first + RELEASES_MAX]
    return {
        "rows": listed,
        "more": listed[-1]["tag"] if rows[first + RELEASES_MAX :] else None,
        "serving": found["serving"],
        "timeline": pictures.timeline(rows, now["at"]),
        "lineage": pictures.lineage(archived["candidates"], rows),
    }


def lines(raw: Sequence[str]) -> list[dict[str, str]]:
    """A log as people read it: records of ours in words, other lines as they are."""
    shown = []
    for line in raw:
        row = {"at": "", "text": line[:LINE_CHARS_MAX], "state": "dim"}
        try:
            record = json.loads(line)
            at = record.get("at") if isinstance(record, dict) else None
            if isinstance(at, int | float) and "kind" in record:
                row = told(record) or {"at": clock(at), "text": str(record["kind"]), "state": "dim"}
        except (ValueError, LookupError, TypeError, OverflowError, RecursionError):
            pass  # model-written code may have put anything there
        shown.append(row)
    return shown
