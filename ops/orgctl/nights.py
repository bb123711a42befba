"""The verbs of the night: schedule, budget."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer

from ops.orgctl.common import app, ask, say

schedule_app = typer.Typer(
    help="What happens by itself, and when.", no_args_is_help=True, rich_markup_mode=None
)


@schedule_app.command("list")
def schedule_list() -> None:
    """The jobs, their rules, when they ran and when they run next."""
    show(ask("schedule.list"))


def show(found: dict[str, Any]) -> None:
    if say(found):
        return
    from ops import render

    rows = [
        (
            job["name"],
            job["rule"],
            "now" if job["running"] else _when(job.get("next")),
            _when(job.get("last")),
            job.get("outcome") or "",
        )
        for job in found["jobs"]
    ]
    render.table(("job", "rule", "next", "last", "outcome"), rows)
    pace = found["pace"]
    if pace["paused"]:
        print(f"paused after {pace['streak']} rejections; go on with: orgctl schedule resume")
    elif pace["streak"]:
        print(f"{pace['streak']} rejections in a row")
    for key in ("frozen", "held"):
        if found[key]:
            print(render.line(found[key]))


def _when(seconds: object) -> str:
    if not isinstance(seconds, int | float):
        return "-"
    return time.strftime("%a %H:%M:%S", time.localtime(seconds))


@schedule_app.command("set")
def schedule_set(
    job: str, rule: Annotated[str, typer.Argument(help="'every 30m', five cron fields, or off.")]
) -> None:
    """Give a job another rule, until `schedule unset`."""
    show(ask("schedule.set", job=job, rule=rule))


@schedule_app.command("unset")
def schedule_unset(job: str) -> None:
    """The rule of the settings again."""
    show(ask("schedule.set", job=job))


@schedule_app.command("run")
def schedule_run(job: str) -> None:
    """Run a job now."""
    found = ask("schedule.run", job=job)
    if not say(found):
        print(f"{job} runs; see: orgctl schedule list")


@schedule_app.command("resume")
def schedule_resume() -> None:
    """Go on after rejections in a row, or at once after a slow-down."""
    show(ask("schedule.resume"))


@app.command()
def budget() -> None:
    """What was spent, what may still be: by day, cycle and goal."""
    found = ask("budget")
    if say(found):
        return
    from ops import render

    rows = [("today", *_row(found["today"])), ("limit", *_row(found["day"]))]
    rows += [("each cycle", *_row(found["cycle"]))]
    for one in found["goals"]:
        rows += [(one["goal"], *_row(one)), ("  limit", *_row(one["limit"]))]
    render.table(("", "tokens", "money", "wall"), rows)
    disk = found["disk"]
    most = f" of {disk['limit_bytes'] // 2**20}" if disk["limit_bytes"] else ""
    print(f"disk: {disk['used_bytes'] // 2**20}{most} MiB")
    if found["held"]:
        print(f"held: {render.line(found['held'])}")


def _row(spent: dict[str, Any]) -> tuple[str, str, str]:
    """Money that nobody can know is no zero."""
    from ops import render

    limit = "cycles" not in spent
    nothing = "-" if limit else "unknown"
    money = nothing if spent["money"] is None else f"{spent['money']:.4f}"
    wall = spent["wall_seconds"]
    return (
        "-" if spent["tokens"] is None else str(spent["tokens"]),
        money,
        "-" if wall is None else render.span(wall),
    )


app.add_typer(schedule_app, name="schedule")
