"""The verb that tells what happened, and goes on telling."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from ops.orgctl.common import ASKED, app, ask

PAGE_EVENTS = 200
POLL_SECONDS = 0.5


@app.command()
def events(
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as they happen.")] = False,
    since: Annotated[int | None, typer.Option(help="From after this event's number.")] = None,
    kind: Annotated[str | None, typer.Option(help="Only of this kind: gate, author, …")] = None,
) -> None:
    """What happened; with --json one object a line."""
    from ops import render

    for event in _events(since, follow):
        if kind is not None and not str(event["kind"]).startswith(kind):
            continue
        if ASKED.as_json:
            print(json.dumps(event), flush=True)
            continue
        told = render.event(event)
        if told is not None:
            at = time.strftime("%H:%M:%S", time.localtime(event["at"]))
            print(f"{at} {told}", flush=True)


def _events(since: int | None, follow: bool) -> Iterator[dict[str, Any]]:
    """The newest page, or all since a number; then, when asked, what comes."""
    at = since
    while True:
        last = PAGE_EVENTS if at is None else None
        found = ask("events", last=last, since=at)["events"]
        yield from found
        at = found[-1]["number"] if found else at or 0
        if not found:
            if not follow:
                return
            time.sleep(POLL_SECONDS)  # the journal has no event to wait for across processes
        elif not follow and last:
            return
