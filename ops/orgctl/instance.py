"""The verbs of an instance's life: init, up, down, status, doctor, attach, logs."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from ops.errors import Exit
from ops.orgctl.common import ASKED, Yes, app, ask, confirm, say

WATCH_SECONDS = 1.0


@app.command()
def init(repo: Annotated[Path | None, typer.Option(help="Evolve this git repo.")] = None) -> None:
    """Make an instance, of org or of another repo."""
    from ops import lifecycle

    found = lifecycle.init(ASKED.layout, repo)
    if not say(found):
        print(f"made {found['home']}: main is {found['main'][:12]} ({found['tag']})")
        print("  start it with: orgctl up")


@app.command()
def up() -> None:
    """Start the instance, and wait until it serves."""
    from ops import lifecycle

    found, fresh = lifecycle.up(ASKED.layout)
    if not say(found):
        from ops import render

        print("org serves." if fresh else "org runs already.")
        print("\n".join(render.status(found)))


@app.command()
def down(yes: Yes = False) -> None:
    """Stop the instance; open work is kept, and asked for."""
    from ops import lifecycle

    if not yes and ask("status").get("cycle"):
        confirm("stop the cycle that is under way", yes)
    found = lifecycle.down(ASKED.layout)
    if not say(found):
        print("org is down; start it with: orgctl up")


@app.command()
def reload() -> None:
    """Read the settings again."""
    found = ask("reload")
    if not say(found):
        print("the settings were read again")


@app.command()
def status(watch: Annotated[bool, typer.Option(help="Show it again each second.")] = False) -> None:
    """What runs where, what is under way."""
    from ops import render

    while True:
        found = _status()
        if not say(found):
            if watch and sys.stdout.isatty():
                print("\x1b[2J\x1b[H", end="")
            print("\n".join(render.status(found)), flush=True)
        if not watch:
            raise typer.Exit(Exit.DOWN if found["supervisor"]["state"] == "down" else Exit.DONE)
        time.sleep(WATCH_SECONDS)


def _status() -> dict[str, Any]:
    from ops import client, rescue

    if client.running(ASKED.layout):
        return ask("status")
    found = rescue.status(ASKED.layout)
    print("org is not running; start it with: orgctl up", file=sys.stderr)
    return found


@app.command()
def doctor() -> None:
    """Check what org needs of this machine."""
    from ops import doctor as checks

    found = checks.examine(ASKED.layout)
    if not say(found):
        from ops import render

        rows = [
            (_verdict(one), one["name"], one["detail"], one["remedy"]) for one in found["checks"]
        ]
        render.table(("", "check", "found", "remedy"), rows)
        missing = sum(1 for one in found["checks"] if one["needed"] and not one["ok"])
        print(f"{missing} needed, and missing" if missing else "all that org needs is there")
    raise typer.Exit(Exit.DONE if found["ok"] else Exit.JUDGED_NO)


def _verdict(check: dict[str, Any]) -> str:
    from ops import render

    if check["ok"]:
        return f"{render.GOOD} ok"
    return f"{render.BAD} missing" if check["needed"] else "- note"


@app.command()
def attach() -> None:
    """Open the tmux session that shows it all.

    Its windows are supervisor, current, candidate, agents and gates; they own nothing.
    """
    from ops import watching

    watching.attach(ASKED.layout, ASKED.as_json)


@app.command()
def detach() -> None:
    """End the tmux session; nothing but the view is lost."""
    from ops import watching

    gone = watching.detach(ASKED.layout)
    if not say({"ended": gone}) and gone:
        print("the tmux session is ended")


@app.command()
def logs(
    who: Annotated[str, typer.Argument(help="supervisor, current, agents, …")] = "supervisor",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as it grows.")] = False,
) -> None:
    """Show a log, made harmless for the terminal."""
    from ops import logs as reading

    reading.show(ASKED.layout, who, follow, ASKED.as_json)
