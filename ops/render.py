"""What people see: tables, one line an event, every foreign byte made harmless first."""

from __future__ import annotations

import json
import os
import re
import sys
import time
import unicodedata
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

LINE_CHARS_MAX = 160
FLAKY_SHOWN_MAX = 3
PROJECTS_SHOWN_MAX = 5
GOOD, BAD, BUSY = "✓", "✗", "…"
ODD = re.compile(r"[^\x20-\x7e\n\t]")
BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c")


def safe(text: object) -> str:
    """`text` without anything a terminal would obey: controls, C1, bidirectional marks."""
    return ODD.sub(lambda found: _harmless(found[0]), str(text))


def _harmless(char: str) -> str:
    if char.isprintable() and char not in BIDI:
        return char
    if unicodedata.category(char)[0] in "CZ" or char in BIDI:
        return char.encode("unicode_escape").decode("ascii") if char != "\xa0" else " "
    return char


def line(text: object, chars: int = LINE_CHARS_MAX) -> str:
    """One harmless line of bounded length."""
    flat = safe(" ".join(str(text).split()))
    return flat if len(flat) <= chars else flat[: chars - 1] + "…"


def console(stderr: bool = False, folds: bool = False) -> Console:
    """Colours only for a terminal that wants them; long lines are its affair, unless folded."""
    from rich.console import Console

    plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    stream = sys.stderr if stderr else sys.stdout
    return Console(
        file=stream, no_color=plain, highlight=False, emoji=False, markup=False, soft_wrap=not folds
    )


def table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """On a terminal with rules; elsewhere the same columns, plain."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    shown = Table(box=box.SIMPLE, pad_edge=False, show_edge=False)
    for header in headers:
        shown.add_column(header, overflow="fold")
    for row in rows:
        shown.add_row(*(Text(line(cell, 400)) for cell in row))
    console(folds=True).print(shown)


def scorecard(card: Mapping[str, Any]) -> None:
    marks = [
        (GOOD if gate["passed"] else BAD, gate["name"], gate["stage"], f"{gate['seconds']:.1f} s")
        for gate in card["gates"]
    ]
    reasons = [gate["reason"] for gate in card["gates"]]
    rows = [(*mark, reason) for mark, reason in zip(marks, reasons, strict=True)]
    said = {gate["name"] for gate in card["gates"]}
    rows += [
        ("-", name, "", "", "not reached") for name in card.get("expected", ()) if name not in said
    ]
    table(("", "gate", "stage", "time", "reason"), rows)


def status(found: Mapping[str, Any]) -> list[str]:
    """The lines of `orgctl status`; plain text, for it must be quick."""
    slots, counts = found["slots"], found["counts"]
    supervisor = found["supervisor"]
    up = supervisor["state"] != "down"
    since = f" (pid {supervisor['pid']}, up {span(supervisor['uptime_s'])})" if up else ""
    lines = [f"org at {found['home']}: {supervisor['state']}{since}"]
    for name in ("current", "candidate"):
        slot = slots[name]
        what = f"{slot['tag'] or ''} {str(slot['commit'] or '')[:12]}".strip() or "nothing"
        lines.append(f"  {name:<10} :{slot['port']}  {slot['state']:<10} {what}")
    lines.append(f"  main       {str(found['main'] or 'nothing')[:12]}")
    if found.get("cycle"):
        lines.append(f"  cycle      {found['cycle']['candidate']} is {found['cycle']['state']}")
    if found.get("promotion"):
        state = found["promotion"]["state"]
        told = "in probation" if state == "serving" else state
        lines.append(f"  promotion  {found['promotion']['candidate'] or ''} {told}")
    for one in found.get("projects", ())[:PROJECTS_SHOWN_MAX]:
        tasks = f" ({one['tasks']['done']}/{one['tasks']['all']} tasks)" * bool(one["tasks"]["all"])
        why = f" ({line(one['reason'], 80)})" if one.get("reason") else ""
        head = f"  goal       {one['goal']} {one['state']}{tasks}"
        lines.append(f"{head}: {line(one['title'], 80)}{why}")
    for one in found.get("flaky", ())[-FLAKY_SHOWN_MAX:]:
        said = f"two verdicts on {one['commit'][:12]}: {line(one['reason'], 80)}"
        lines.append(f"  flaky      the gate {line(one['gate'])}: {said}")
    if found.get("taken_back"):
        taken = found["taken_back"]
        lines.append(f"  taken back {taken['release']}: {line(taken['reason'], 80)}")
    if found.get("frozen"):
        lines.append(f"  frozen     {line(found.get('why_frozen') or 'promotions wait', 120)}")
    if found.get("cells") == "none":
        lines.append("  WARNING    cells are off: model-written code runs without walls")
    told = ", ".join(f"{value} {key.replace('_', ' ')}" for key, value in counts.items())
    lines.append(f"  candidates {told}")
    if up:
        lines.append(f"  progress   {span(supervisor.get('last_progress_s', 0))} ago")
    return [safe(text) for text in lines]


def span(seconds: float) -> str:
    whole = int(seconds)
    if whole < 120:
        return f"{whole} s"
    if whole < 7200:
        return f"{whole // 60} min"
    return f"{whole // 3600} h"


def event(found: Mapping[str, Any]) -> str | None:
    """One line for people, or None when it is not worth one."""
    kind, said = str(found.get("kind")), found.get("said") or {}
    if kind == "cycle.started":
        return f"goal       {line(found['goal'])}"
    if kind == "cycle.model":
        return f"model      {line(found['text'])}"
    if kind == "author.turn":
        return f"author     {line(said.get('text'), 120)}" if said.get("text") else None
    if kind == "author.call":
        return f"  call     {line(said.get('tool'), 20)} {line(said.get('arguments'), 100)}"
    if kind == "author.result":
        mark = GOOD if said.get("ok") else BAD
        last = str(said.get("summary") or "").strip().splitlines()[-1:]
        return f"  {mark}        {line(last[0] if last else '', 110)}"
    if kind == "author.step":
        return f"  commit   {line(said.get('summary'), 100)}"
    if kind == "author.ended":
        return f"author     {line(said.get('status'))}: {line(said.get('reason'), 120)}"
    return _event_of_org(kind, found)


def _event_of_org(kind: str, found: Mapping[str, Any]) -> str | None:
    if kind == "gate.started":
        return None
    if kind == "gate.ended":
        mark = GOOD if found["passed"] else BAD
        word = "passed" if found["passed"] else "failed"
        head = f"gate {mark}     {found['name']} {word} in {found['seconds']:.1f} s"
        return f"{head}: {line(found['reason'])}"
    if kind == "candidate.state":
        why = f": {line(found['reason'])}" if found.get("reason") else ""
        return f"candidate  {found['state']}{why}"
    if kind == "promotion.state":
        name = f" {found['release']}" if found.get("release") else ""
        return f"promotion  {found['state']}{name}"
    if kind == "slot.state":
        return f"slot       {found['slot']} {found['state']}"
    if kind == "notice":
        return f"notice     {line(found['text'])}"
    return None


def line_of_log(text: str) -> str:
    """A record of a log as people read it; a line that is no record of ours stays as it is."""
    try:
        record = json.loads(text)
        at = time.strftime("%H:%M:%S", time.localtime(float(record["at"])))
        return f"{at} {event(record) or line(record['kind'], 40)}"
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError):
        return text  # also what model-written code put there to break the reader
