"""The verb that speaks to an agent at work."""

from __future__ import annotations

from typing import Annotated

import typer

from ops.orgctl.common import app, ask, say


@app.command()
def tell(
    text: Annotated[str, typer.Argument(help="What the agent should know.")] = "",
    candidate: Annotated[str | None, typer.Option(help="Whose author; else the one.")] = None,
    now: Annotated[bool, typer.Option(help="Drop what it is saying just now.")] = False,
    stop: Annotated[bool, typer.Option(help="End its run.")] = False,
) -> None:
    """Say something to the agent at work; it hears it before its next step."""
    found = ask("tell", text=text, candidate=candidate, now=now, stop=stop)
    if not say(found):
        what = "was ended" if found["stopped"] else "was told"
        print(f"the author of {found['candidate']} {what}")
