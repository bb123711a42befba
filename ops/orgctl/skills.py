"""The verbs of skills: list, show, promote, remove; they work with no daemon too."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from ops.orgctl.common import ASKED, Yes, app, confirm, say

skill_app = typer.Typer(
    help="Skills: functions that became tools.", no_args_is_help=True, rich_markup_mode=None
)
Room = Annotated[str | None, typer.Option(help="The room whose skill it is.")]


def _ask(verb: str, word: str = "", room: str | None = None) -> dict[str, Any]:
    from ops import lifecycle

    words = ["--home", str(ASKED.layout.home), verb, f"--word={word}"]
    words += [f"--room={room}"] if room else []
    return lifecycle.call("daemon.agent.skills.process", *words)


@skill_app.command("list")
def skill_list() -> None:
    """Skills, and files that were set aside and why."""
    found = _ask("list")
    if say(found):
        return
    from ops import render

    rows = [(one["name"], one["from"], one["purpose"]) for one in found["skills"]]
    rows += [("set aside", one["from"], f"{one['file']}: {one['why']}") for one in found["aside"]]
    render.table(("skill", "from", "purpose"), rows)


@skill_app.command("show")
def skill_show(skill: str, room: Room = None) -> None:
    """One skill: what it takes, and its source."""
    found = _ask("show", skill, room)
    if not say(found):
        from ops import render

        print(render.safe(f"{found['name']} ({found['from']}): {found['purpose']}"))
        print(render.safe(json.dumps(found["arguments"].get("properties", {}), indent=1)))
        print(render.safe(found["source"]), end="")


@skill_app.command("promote")
def skill_promote(
    what: Annotated[str, typer.Argument(help="A Python file; with --room, a skill of it.")],
    room: Room = None,
) -> None:
    """Make a function a tool for every room."""
    from pathlib import Path

    found = _ask("promote", what if room else str(Path(what).absolute()), room)
    if not say(found):
        print(f"{found['name']} is a tool now: {found['file']}")


@skill_app.command("remove")
def skill_remove(skill: str, room: Room = None, yes: Yes = False) -> None:
    """Take a promoted skill away."""
    confirm(f"remove skill {skill}", yes)
    found = _ask("remove", skill, room)
    if not say(found):
        print(f"removed {found['name']}")


app.add_typer(skill_app, name="skill")
