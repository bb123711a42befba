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
    text: Annotated[str | None, typer.Argument(help="What should become better.")] = None,
    file: Annotated[
        Path | None, typer.Option(help="A goal's file or folder, or a folder of goals.")
    ] = None,
    protocol: Annotated[str | None, typer.Option(help="agent or rewrite")] = None,
    module: Annotated[str | None, typer.Option(help="The one file to rewrite.")] = None,
    accept: Annotated[
        Path | None, typer.Option(help="JSON: command, files, probes; authors never see it.")
    ] = None,
    priority: Annotated[int | None, typer.Option(help="Higher ones are worked on first.")] = None,
    path: Annotated[
        list[str] | None, typer.Option(help="A pattern of what may change; may be repeated.")
    ] = None,
    tries: Annotated[int | None, typer.Option(help="Failed tries until it is blocked.")] = None,
    tokens: Annotated[int | None, typer.Option(help="All its cycles may spend these.")] = None,
    money: Annotated[float | None, typer.Option(help="As above, by the prices file.")] = None,
    wall: Annotated[float | None, typer.Option(help="As above, in seconds.")] = None,
) -> None:
    """Add a goal, with the check that tells when it is reached."""
    if (text is None) == (file is None):
        raise Refused("a goal is a text or a file, one of the two", "see: orgctl goal add --help")
    limits = {"tokens": tokens, "money": money, "wall_seconds": wall}
    budget = {name: limit for name, limit in limits.items() if limit is not None}
    said: dict[str, object] = {
        "protocol": protocol,
        "module": module,
        "acceptance": _read_json(accept) if accept else None,
        "priority": priority,
        "paths": path or None,
        "tries": tries,
        "budget": budget or None,
    }
    said = {key: value for key, value in said.items() if value is not None}
    if text is not None:
        _add([{"text": text, **said}])
    elif file is not None:
        from ops import goal_files

        _add([{**fields, **said} for fields in goal_files.on_disk(file).values()])


def _add(goals: list[dict[str, object]]) -> None:
    added = [ask("goal.add", False, **fields) for fields in goals]
    if say(added[0] if len(added) == 1 else {"goals": added}):
        return
    for found in added:
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
            (one["id"], one["state"], str(one["priority"]), one["text"].splitlines()[0])
            for one in found["goals"]
        ]
        render.table(("goal", "state", "priority", "text"), rows)
        for name, why in found["broken"].items():
            print(f"passed over {render.line(name)}: {render.line(why)}")


@goal_app.command("show")
def goal_show(goal: str) -> None:
    """One goal, whole, with its tasks and the notebook that its authors share."""
    found = ask("goal.show", id=goal)
    if say(found):
        return
    from ops import render

    project = found.pop("project")
    print("\n".join(render.safe(f"{key}: {value}") for key, value in found.items() if value))
    why = f": {render.line(project['reason'])}" if project["reason"] else ""
    print(f"state: {project['state']}{why}; {project['tries']} tries, {project['tokens']} tokens")
    for task in project["tasks"]:
        print(f"  task {render.GOOD if task['done'] else '-'} {render.line(task['text'])}")
    for idea in project["blocked"]:
        print(f"  blocked: {render.line(idea['approach'])}: {render.line(idea['reason'])}")
    for note in project["notes"]:
        print(f"  {note['who']}: {render.line(note['text'])}")


@goal_app.command("remove")
def goal_remove(goal: str, yes: Yes = False) -> None:
    """Forget a goal; what was made for it stays."""
    confirm(f"remove goal {goal}", yes)
    found = ask("goal.remove", id=goal)
    if not say(found):
        print(f"removed {goal}")


@goal_app.command("reorder")
def goal_reorder(goals: list[str]) -> None:
    """Put these goals first, in this order."""
    found = ask("goal.reorder", ids=goals)
    if not say(found):
        print("the order is now: " + " ".join(one["id"] for one in found["goals"]))


@goal_app.command("accept")
def goal_accept(goal: str) -> None:
    """Work on a goal that org itself proposed."""
    found = ask("goal.accept", id=goal)
    if not say(found):
        print(f"{goal} is accepted")


@goal_app.command("retry")
def goal_retry(goal: str) -> None:
    """Take a blocked goal up again; what was learned stays."""
    found = ask("goal.retry", id=goal)
    if not say(found):
        print(f"{goal} is taken up again")


app.add_typer(goal_app, name="goal")
