"""The verbs of the morning: report, replay."""

from __future__ import annotations

import re
import time
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from ops.errors import Exit, Refused
from ops.orgctl.common import app, ask, say

SPAN = re.compile(r"(\d+)\s*([smhdw])")
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


@app.command()
def report(
    since: Annotated[str, typer.Option(help="12h, 2d, or a date like 2026-11-20.")] = "24h",
    html: Annotated[Path | None, typer.Option(help="Write it as a page to this file.")] = None,
) -> None:
    """What was tried, kept, rejected and why, what it cost, what needs a person."""
    found = ask("report", since=begin(since, time.time()))
    if html is not None:
        from ops import report_page

        html.write_text(report_page.page(found), encoding="utf-8")
    if not say(found):
        from ops import report_page

        print(report_page.text(found), end="")
        if html is not None:
            print(f"written to {html}")


def begin(text: str, now: float) -> float:
    """Unix seconds."""
    span = SPAN.fullmatch(text.strip())
    if span is not None:
        return now - int(span[1]) * SECONDS[span[2]]
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError as error:
        raise Refused(f"{text!r} is no time", "say 12h, 2d or 2026-11-20") from error


@app.command()
def replay(candidate: str) -> None:
    """Run a candidate's recorded session again, without a model; the tree must be the same."""
    found = ask("replay", progress=True, candidate=candidate)
    if not say(found):
        _told(found)
    raise typer.Exit(Exit.DONE if found["same"] else Exit.JUDGED_NO)


def _told(found: dict[str, Any]) -> None:
    from ops import render

    if found["same"]:
        print(f"{found['candidate']} gives the same tree again: {found['tree'][:12]}")
        return
    print(f"{found['candidate']} gave {found['tree'][:12]}, and now {found['replayed'][:12]}")
    print(f"  the author ended as {found['status']}: {render.line(found['reason'])}")
