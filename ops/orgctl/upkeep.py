"""The verbs of house-keeping: gc, backup, restore."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from ops.errors import Exit, Refused
from ops.layout import Layout
from ops.orgctl.common import ASKED, Yes, app, ask, confirm, say

SHOWN_MAX = 50


@app.command()
def gc(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    yes: Yes = False,
) -> None:
    """Remove what is no longer kept, by the limits in [keep].

    What serves, served, could serve again, is open or in use always stays.
    Works with no daemon too.
    """
    layout = existing()
    if not dry_run:
        confirm("remove what is no longer kept (see it with --dry-run)", yes)
    found = _gc(layout, dry_run)
    if say(found):
        return
    from ops import render

    for one in found["removed"][:SHOWN_MAX]:
        size = f" {one['bytes']} bytes" if one["bytes"] else ""
        print(render.line(f"{one['room']:<10} {one['name']}{size} ({one['why']})"))
    more = len(found["removed"]) - SHOWN_MAX
    print(f"and {more} more" if more > 0 else "", end="\n" if more > 0 else "")
    verb = "would go" if dry_run else "went"
    print(f"{len(found['removed'])} things {verb}, {found['bytes'] / 2**20:.1f} MiB on disk")


def existing() -> Layout:
    layout = ASKED.layout
    if not layout.instance.exists():
        raise Refused(f"no instance at {layout.home}", "make one with: orgctl init", Exit.ABSENT)
    return layout


def _gc(layout: Layout, dry_run: bool) -> dict[str, Any]:
    from ops import client, lifecycle

    if client.running(layout):
        return ask("gc", dry_run=dry_run)
    flags = ["--dry-run"] if dry_run else []
    return lifecycle.call("daemon.supervisor.upkeep", "--home", str(layout.home), *flags)


@app.command()
def backup(file: Path) -> None:
    """Write the whole instance to one file, also while it runs.

    Keys are not in it; releases and environments are made again from what is.
    """
    from ops import lifecycle

    home, target = existing().home, file.absolute()
    found = lifecycle.call("daemon.supervisor.backup", "--home", str(home), "--file", str(target))
    if not say(found):
        size = f"{found['bytes'] / 2**20:.1f} MiB, {found['releases']} releases"
        print(f"wrote {found['file']} ({size}): main is {found['main'][:12]}")
        print(f"  sha256 {found['sha256']}")


@app.command()
def restore(file: Path) -> None:
    """Make an instance in an empty home from what backup wrote."""
    from ops import lifecycle

    home, source = ASKED.layout.home, file.absolute()
    found = lifecycle.call("daemon.supervisor.restore", "--home", str(home), "--file", str(source))
    if not say(found):
        from ops import render

        for problem in found["problems"]:
            print(render.line(f"verify: {problem}"), file=sys.stderr)
        print(f"restored {found['home']}: main is {found['main'][:12]}")
        print("  put keys back in state/keys.toml, and start it with: orgctl up")
