"""The verbs of goals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from ops.errors import Exit, Refused
from ops.orgctl.common import Yes, app, ask, confirm, goal_app, say


@goal_app.command("add")
def goal_add(
    text: str,
    protocol: Annotated[str | None, typer.Option(help="agent or rewrite")] = None,
    module: Annotated[str | None, typer.Option(help="The one file to rewrite.")] = None,
    accept: Annotated[
        Path | None, typer.Option(help="JSON: command, files, probes; authors never see it.")
    ] = None,
) -> None:
    """Add a goal, with the check that tells when it is reached."""
    acceptance = _read_json(accept) if accept else None
    found = ask("goal.add", text=text, protocol=protocol, module=module, acceptance=acceptance)
    if not say(found):
        print(f"added {found['id']}; work on it with: orgctl evolve --wait --goal {found['id']}")


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Refused(f"{path}: {error.strerror}", "name a JSON file", Exit.ABSENT) from error
    except ValueError as error:
        raise Refused(f"{path} is no JSON: {error}", "mend it and try again") from error


@goal_app.command("list")
def goal_list() -> None:
    """The goals, in the order they are worked on."""
    found = ask("goal.list")
    if not say(found):
        from ops import render

        rows = [
            (one["id"], "done" if one["done"] else "open", one["text"]) for one in found["goals"]
        ]
        render.table(("goal", "state", "text"), rows)


@goal_app.command("show")
def goal_show(goal: str) -> None:
    """One goal, whole."""
    found = ask("goal.show", id=goal)
    if not say(found):
        from ops import render

        print("\n".join(render.safe(f"{key}: {value}") for key, value in found.items() if value))


@goal_app.command("remove")
def goal_remove(goal: str, yes: Yes = False) -> None:
    """Forget a goal; what was made for it stays."""
    confirm(f"remove goal {goal}", yes)
    found = ask("goal.remove", id=goal)
    if not say(found):
        print(f"removed {goal}")


app.add_typer(goal_app, name="goal")
