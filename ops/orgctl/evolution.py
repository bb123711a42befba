"""The verbs of evolution: evolve, candidates, show, diff, fitness."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ops.errors import Exit
from ops.orgctl.common import app, ask, say


@app.command()
def evolve(
    goal: Annotated[str | None, typer.Option(help="A goal's id, or what to improve.")] = None,
    wait: Annotated[bool, typer.Option(help="Stay, and show what happens.")] = False,
    session: Annotated[Path | None, typer.Option(help="Replay this recording.")] = None,
    record: Annotated[Path | None, typer.Option(help="Record the model's replies here.")] = None,
    protocol: Annotated[str | None, typer.Option(help="agent or rewrite")] = None,
    module: Annotated[str | None, typer.Option(help="The one file to rewrite.")] = None,
) -> None:
    """One cycle: author, merge result, gates, promotion."""
    arguments: dict[str, object] = {"goal": goal, "wait": wait}
    arguments |= {"protocol": protocol, "module": module}
    arguments |= {"session": str(session.absolute()) if session else None}
    arguments |= {"record": str(record.absolute()) if record else None}
    found = ask("evolve", progress=True, **arguments)
    show_outcome(found)
    if wait:
        raise typer.Exit(code_of(found))


def code_of(found: dict[str, Any]) -> int:
    return Exit.DONE if found["outcome"] in ("promoted", "awaiting-approval") else Exit.JUDGED_NO


def show_outcome(found: dict[str, Any]) -> None:
    if say(found):
        return
    from ops import render

    if found.get("scorecard"):
        render.scorecard(found["scorecard"])
    if found["outcome"] == "open":
        print(f"candidate {found['candidate']} is under way; watch it with: orgctl attach")
        return
    why = f": {render.line(found['reason'])}" if found.get("reason") else ""
    name = f" as {found['release']} ({found['commit'][:12]})" if found.get("release") else ""
    print(f"candidate {found['candidate']} was {found['outcome']}{name}{why}")


@app.command()
def candidates() -> None:
    """The archive, newest first."""
    found = ask("candidates")
    if not say(found):
        from ops import render

        rows = [
            (one["candidate"], one["state"], one["release"] or "", one["goal"], one["reason"] or "")
            for one in found["candidates"]
        ]
        render.table(("candidate", "state", "release", "goal", "reason"), rows)


@app.command()
def show(candidate: str) -> None:
    """One candidate: where it stands, what every gate said."""
    found = ask("show", candidate=candidate)
    if say(found):
        return
    from ops import render

    for key in ("candidate", "state", "reason", "goal", "model", "tokens", "release"):
        if found.get(key) not in (None, ""):
            print(f"{key:<10} {render.line(found[key])}")
    for key in ("base", "head", "merge"):
        print(f"{key:<10} {found[key] or '-'}")
    if found["scorecard"]:
        render.scorecard(found["scorecard"])


@app.command()
def diff(candidate: str) -> None:
    """What a candidate changes."""
    found = ask("diff", candidate=candidate)
    if not say(found):
        from ops import render

        print(render.safe(found["diff"]), end="")


@app.command()
def fitness(
    ref: Annotated[str, typer.Argument(help="A tag, branch or commit.")] = "main",
    gate: Annotated[str | None, typer.Option(help="Only this gate.")] = None,
    canaries: Annotated[
        bool,
        typer.Option("--canaries", help="Try the gates that serve on candidates known to be bad."),
    ] = False,
) -> None:
    """Judge any commit by main's gates; nothing is promoted by it."""
    found = ask("fitness", progress=True, ref=ref, gate=gate, canaries=canaries)
    if not say(found):
        from ops import render

        render.scorecard(found)
        for one in found.get("canaries", ()):
            said = "rejected" if one["rejected"] else "LET THROUGH"
            print(f"{render.line(one['name'])}: {said} by {one['gate']}")
        print(f"{found['commit'][:12]} {'passed' if found['passed'] else 'failed'}")
    raise typer.Exit(Exit.DONE if found["passed"] else Exit.JUDGED_NO)
