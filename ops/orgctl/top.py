"""The verb that shows in a terminal what the page shows: what runs, the cycle, what happened."""

from __future__ import annotations

import select
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer

from ops.orgctl.common import app, ask, say

if TYPE_CHECKING:
    from rich.console import RenderableType

EVENTS_SHOWN = 400
REFRESH_SECONDS = 1.0
STAGES = ("goal", "author", "merge", "build", "serve", "gates", "promote", "probation")
REACHED = {"drafting": 1, "drafted": 2, "built": 5, "serving": 5, "judged": 6, "promoted": 7}
COLOURS = {"✓": "green", "✗": "red", "…": "blue"}


@app.command()
def top() -> None:
    """The whole picture, live in the terminal; q ends it, and nothing else."""
    found = _found()
    if say(found):
        return
    from ops import render

    screen = render.console(folds=True)
    if not sys.stdout.isatty():
        screen.print(_picture(found, screen.width, 40))
        return
    from rich.live import Live

    with _keys(), Live(screen=True, console=screen, auto_refresh=False) as live:
        while True:
            live.update(_picture(found, screen.width, screen.height), refresh=True)
            if _ended():
                raise typer.Exit(0)
            found = _found()


def _found() -> dict[str, Any]:
    now = ask("look.now")
    return now | {"events": ask("events", last=EVENTS_SHOWN)["events"]}


@contextmanager
def _keys() -> Iterator[None]:
    """Keys come one by one, and are not shown; the terminal is put back as it was."""
    import termios
    import tty

    if not sys.stdin.isatty():
        yield
        return
    before = termios.tcgetattr(sys.stdin)
    tty.setcbreak(sys.stdin)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def _ended() -> bool:
    """Whether q was pressed within the time until the next look."""
    if not sys.stdin.isatty():
        time.sleep(REFRESH_SECONDS)
        return False
    ready, _, _ = select.select([sys.stdin], [], [], REFRESH_SECONDS)
    return bool(ready) and sys.stdin.read(1) in ("q", "Q", "\x1b", "")


def _picture(found: dict[str, Any], columns: int, lines: int) -> RenderableType:
    """Head, slots, stages and gates, then as much of what happened as there is room for."""
    from rich.console import Group
    from rich.text import Text

    head = [_head(found), *_slots(found), Text(""), _stages(found)]
    head += [Text(""), *_gates(found, columns), Text("")]
    room = max(3, lines - len(head) - 2)
    foot = Text(" q ends", style="dim")
    return Group(*head, *_feed(found, room, columns), foot)


def _head(found: dict[str, Any]) -> Any:
    from rich.text import Text

    from ops import render

    current, counts = found["slots"]["current"], found["counts"]
    text = Text(no_wrap=True, overflow="ellipsis")
    text.append(f" {current['tag'] or 'nothing serves'} ", "bold reverse")
    if found["frozen"]:
        text.append("  FROZEN", "bold yellow")
    text.append(f"  up {render.span(found['supervisor']['uptime_s'])}")
    text.append(f"  {counts['promoted']} promoted", "green")
    text.append(f"  {counts['rejected']} rejected", "red")
    text.append(f"  {counts['rolled_back']} back", "yellow")
    text.append(f"  {counts['open']} open", "blue")
    text.append(f"  {found['tokens_today']:,} tokens today".replace(",", " "))
    return text


def _slots(found: dict[str, Any]) -> list[Any]:
    from rich.text import Text

    rows = []
    for name, slot in found["slots"].items():
        mark = "●" if slot["state"] == "serving" else "○"
        what = slot["tag"] or slot.get("branch") or ""
        said = f" {mark} {name:<10} :{slot['port']:<6}{slot['state']:<11}{what} "
        said += str(slot["commit"] or "")[:10]
        colour = "green" if mark == "●" else "dim"
        rows.append(Text(said, colour, no_wrap=True, overflow="ellipsis"))
    return rows


def _stages(found: dict[str, Any]) -> Any:
    from rich.text import Text

    cycle, promotion = found.get("cycle"), found.get("promotion")
    at = REACHED.get(cycle["state"], 1) if cycle else 7 if promotion else -1
    text = Text(" ", no_wrap=True, overflow="ellipsis")
    for index, name in enumerate(STAGES):
        mark = "✓" if index < at else "…" if index == at else "·"
        style = "green" if index < at else "bold blue" if index == at else "dim"
        text.append(f"{mark} {name}  ", style)
    return text


def _gates(found: dict[str, Any], columns: int) -> list[Any]:
    """The goal and the newest word of each gate of the newest candidate."""
    from rich.text import Text

    from ops import render

    own = [one for one in found["events"] if str(one["kind"]).startswith("gate.")]
    newest = own[-1]["candidate"] if own else None
    said: dict[str, str] = {}
    for one in own:
        if one["candidate"] == newest:
            done = one["kind"] == "gate.ended"
            mark = ("✓" if one["passed"] else "✗") if done else "…"
            said[str(one["name"])] = mark
    goal = found.get("goal")
    rows = [Text(f" {render.line(goal, columns - 2)}")] if goal else []
    rows.append(Text(" "))
    for name, mark in said.items():
        told = Text(f"{mark} {render.line(name, 24)}  ", COLOURS[mark])
        if rows[-1].cell_len + told.cell_len > columns:
            rows.append(Text(" "))
        rows[-1].append_text(told)
    return rows


def _feed(found: dict[str, Any], room: int, columns: int) -> list[Any]:
    from rich.text import Text

    from ops import render

    rows = []
    for one in reversed(found["events"]):
        told = render.event(one)
        if told is None:
            continue
        at = time.strftime("%H:%M:%S", time.localtime(one["at"]))
        style = "red" if "✗" in told else "green" if "✓" in told else ""
        line = f" {at} {render.line(told, max(20, columns - 11))}"
        rows.append(Text(line, style, no_wrap=True, overflow="ellipsis"))
        if len(rows) == room:
            break
    return rows[::-1]
