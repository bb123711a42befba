"""The verbs that change what serves, and the one that checks what was."""

from __future__ import annotations

from typing import Annotated

import typer

from ops.errors import Exit, Refused
from ops.orgctl.common import ASKED, Yes, app, ask, confirm, say
from ops.orgctl.evolution import code_of, show_outcome


@app.command()
def promote(candidate: Annotated[str | None, typer.Argument()] = None, yes: Yes = False) -> None:
    """Put a judged candidate into service."""
    confirm(f"promote {candidate or 'the judged candidate'}", yes)
    found = ask("promote", progress=True, candidate=candidate)
    show_outcome(found)
    raise typer.Exit(code_of(found))


@app.command()
def approve(candidate: str, yes: Yes = False) -> None:
    """Promote a change of protected paths.

    Shows what it changes, and what the gates said, before it asks.
    """
    if not ASKED.as_json:
        from ops import render

        print(render.safe(ask("diff", candidate=candidate)["diff"]), end="")
        if card := ask("show", candidate=candidate)["scorecard"]:
            render.scorecard(card)
    confirm(f"approve and promote {candidate}", yes)
    found = ask("approve", progress=True, candidate=candidate)
    show_outcome(found)
    raise typer.Exit(code_of(found))


@app.command()
def reject(
    candidate: str,
    reason: Annotated[str | None, typer.Option(help="Kept with it.")] = None,
    yes: Yes = False,
) -> None:
    """End a candidate that waits."""
    confirm(f"reject {candidate}", yes)
    found = ask("reject", candidate=candidate, reason=reason)
    if not say(found):
        print(f"candidate {found['candidate']} was rejected")


@app.command()
def rollback(
    to: Annotated[str | None, typer.Option(help="A release tag; else the one before.")] = None,
    yes: Yes = False,
) -> None:
    """Serve the former release again; works with no daemon too."""
    from ops import client, rescue

    confirm(f"roll back to {to or 'the former release'}", yes)
    if client.running(ASKED.layout):
        found = ask("rollback", progress=True, to=to)
    else:
        rescue.status(ASKED.layout)
        found = rescue.rollback(ASKED.layout, to)
    if not say(found):
        print(f"rolled back from {found['from']} to {found['to']} ({found['tag']})")
        print(f"  undo it with: orgctl rollback --to {found['from']}")


@app.command()
def verify() -> None:
    """Check that the whole history is as org made it."""
    from ops import lifecycle

    layout = ASKED.layout
    if not layout.instance.exists():
        raise Refused(f"no instance at {layout.home}", "make one with: orgctl init", Exit.ABSENT)
    found = lifecycle.call("daemon.supervisor.audit", "--home", str(layout.home))
    if not say(found):
        from ops import render

        told = [render.line(problem) for problem in found["problems"]]
        print("\n".join(told) or f"{found['releases']} releases, no problem")
    raise typer.Exit(Exit.DONE if found["ok"] else Exit.JUDGED_NO)


@app.command()
def freeze() -> None:
    """No promotions until unfreeze; rollback stays possible."""
    if not say(ask("freeze")):
        print("frozen; lift it with: orgctl unfreeze")


@app.command()
def unfreeze() -> None:
    """Promotions are possible again."""
    if not say(ask("unfreeze")):
        print("promotions are possible again")
