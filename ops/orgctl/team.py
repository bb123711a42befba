"""The verbs of teams: team create, list, show, delete; run; plan list, show, approve, resume."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ops.errors import Exit, Refused
from ops.orgctl.chat import seats_of
from ops.orgctl.common import ASKED, Yes, app, confirm, say

team_app = typer.Typer(
    help="Teams: a lead, members, and what a plan must hold.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
plan_app = typer.Typer(
    help="Plans of runs: look at them, approve them, go on with them.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@team_app.command("create")
def team_create(
    name: str,
    agent: Annotated[
        list[str], typer.Option(help="name=model, or a model alone; the first leads.")
    ],
    persona: Annotated[list[str] | None, typer.Option(help="name=text or name=@file.")] = None,
    lead: Annotated[str | None, typer.Option(help="Who plans.")] = None,
    tests: Annotated[bool, typer.Option("--tests", help="Every end needs a check.")] = False,
    tokens_max: Annotated[int | None, typer.Option(min=1, help="What a plan may cost.")] = None,
    approve: Annotated[str, typer.Option(help="auto, or ask: a person sees every plan.")] = "auto",
    parallel: Annotated[int, typer.Option(min=1, max=16, help="Members at once.")] = 4,
) -> None:
    """Make a team; it is a file in teams/ of the home."""
    from ops import teams

    if approve not in ("auto", "ask"):
        raise Refused(f"--approve {approve} is not known", "say auto or ask")
    seats = seats_of({}, agent, persona or [])
    team = {"seats": seats, "lead": lead or seats[0]["name"], "parallel": parallel}
    team |= {"tests": tests, "tokens_max": tokens_max, "approve": approve}
    path = teams.create(ASKED.layout, name, team)
    if not say({"team": name, "file": str(path), **teams.read(ASKED.layout, name)}):
        print(f"made {path}; give it work with: orgctl run {name} TASK")


@team_app.command("list")
def team_list() -> None:
    """The teams."""
    from ops import render, teams

    rows = [(name, teams.read(ASKED.layout, name)) for name in teams.names(ASKED.layout)]
    if not say({"teams": [{"team": name, **team} for name, team in rows]}):
        shown = [(n, t["lead"], ", ".join(s["name"] for s in t["seats"])) for n, t in rows]
        render.table(("team", "lead", "members"), shown)


@team_app.command("show")
def team_show(name: str) -> None:
    """One team."""
    from ops import render, teams

    found = teams.read(ASKED.layout, name)
    if not say({"team": name, **found}):
        for key, value in found.items():
            if key != "seats":
                print(render.safe(f"{key:<10} {value}"))
        rows = [(one["name"], one["model"], one["persona"]) for one in found["seats"]]
        render.table(("member", "model", "persona"), rows)


@team_app.command("delete")
def team_delete(name: str, yes: Yes = False) -> None:
    """Forget a team; its runs stay."""
    from ops import teams

    teams.read(ASKED.layout, name)
    confirm(f"delete team {name}", yes)
    teams.delete(ASKED.layout, name)
    if not say({"team": name, "deleted": True}):
        print(f"deleted {name}")


@app.command()
def run(
    team: str,
    task: str,
    dir: Annotated[
        Path | None, typer.Option(help="Where they work; else a folder of its own.")
    ] = None,
) -> None:
    """Give a team a task: its lead plans, members work in parallel, results join."""
    from ops import teamwork

    folder = teamwork.begin(ASKED.layout, team, task, dir)
    _show(teamwork.go_on(ASKED.layout, folder, ASKED.as_json))


@plan_app.command("list")
def plan_list() -> None:
    """The runs of teams, newest first."""
    from ops import render, teamwork

    found = teamwork.listed(ASKED.layout)
    if not say({"runs": found}):
        rows = [(one["run"], one["outcome"], one["task"]) for one in found]
        render.table(("run", "outcome", "task"), rows)


@plan_app.command("show")
def plan_show(run: str) -> None:
    """One run: its plan, and how far it is."""
    from ops import teamwork

    found = teamwork.view(teamwork.named(ASKED.layout, run))
    if not say(found):
        _table(found)


@plan_app.command("approve")
def plan_approve(run: str, yes: Yes = False) -> None:
    """Let a plan be worked on that waits for a person."""
    from ops import teamwork

    folder = teamwork.named(ASKED.layout, run)
    found = teamwork.view(folder)
    if found["outcome"] != "awaiting-approval":
        raise Refused(f"{run} does not wait: it is {found['outcome']}", "see: orgctl plan list")
    if not ASKED.as_json:
        _table(found)
    confirm(f"approve the plan of {run}", yes)
    teamwork.approve(folder)
    _show(teamwork.go_on(ASKED.layout, folder, ASKED.as_json))


@plan_app.command("resume")
def plan_resume(run: str) -> None:
    """Go on with a run that was cut off; what ended already is kept."""
    from ops import teamwork

    folder = teamwork.named(ASKED.layout, run)
    outcome = teamwork.view(folder)["outcome"]
    if outcome != "open":
        raise Refused(f"{run} was not cut off: it is {outcome}", "see: orgctl plan list")
    _show(teamwork.go_on(ASKED.layout, folder, ASKED.as_json))


@plan_app.command("watch")
def plan_watch(run: str) -> None:
    """A tmux window with a pane for each teammate; they show, and own nothing."""
    from ops import teamwork, tmux, watching

    folder = teamwork.named(ASKED.layout, run)
    session = watching.session(ASKED.layout)
    tmux.split(session, "team", list(teamwork.panes(ASKED.layout, folder).values()))
    watching.attach(ASKED.layout, ASKED.as_json)


@plan_app.command("follow")
def plan_follow(run: str, who: str) -> None:
    """What one teammate does, as it goes on."""
    from ops import logs, render, teamwork

    path = teamwork.log_of(teamwork.named(ASKED.layout, run), who)
    print(f"{who} in {run}", flush=True)
    lines, at = logs.tail(path)
    for text in lines:
        print(render.safe(text), flush=True)
    for text in logs.follow(path, at):
        print(render.safe(text), flush=True)


def _show(found: dict[str, Any]) -> None:
    if not say(found):
        _table(found)
        if found["outcome"] == "awaiting-approval":
            print(f"  approve it with: orgctl plan approve {found['run']}")
    good = found["outcome"] in ("done", "awaiting-approval")
    raise typer.Exit(Exit.DONE if good else Exit.JUDGED_NO)


def _table(found: dict[str, Any]) -> None:
    from ops import render

    for reason in found["reasons"]:
        print(render.safe(f"falls short of {reason}"))
    rows = [
        (one["id"], one["state"], one["who"], _waits(one), one["text"] or one["task"])
        for one in found["plan"]
    ]
    render.table(("subtask", "state", "who", "waits for", "what"), rows)
    print(render.safe(f"run {found['run']}: {found['outcome']}; files in {found['workspace']}"))


def _waits(subtask: dict[str, Any]) -> str:
    words = [*subtask["after"], *subtask["on_success"]]
    return ", ".join([*words, *(f"{one} fails" for one in subtask["on_failure"])])


app.add_typer(team_app, name="team")
app.add_typer(plan_app, name="plan")
