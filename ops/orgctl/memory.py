"""The verbs of the memory: store, search, list, forget; they work with no daemon too."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ops.orgctl.common import ASKED, Yes, app, confirm, say

memory_app = typer.Typer(
    help="Memory: what agents and people wrote down.", no_args_is_help=True, rich_markup_mode=None
)
ORIGIN = "you"


def _ask(*arguments: str) -> dict[str, Any]:
    from ops import lifecycle

    return lifecycle.call("daemon.state.remember", "--home", str(ASKED.layout.home), *arguments)


def _show(found: dict[str, Any]) -> None:
    if say(found):
        return
    from ops import render

    rows = [(one["id"], one["text"], one["origin"]) for one in found["memories"]]
    render.table(("memory", "text", "origin"), rows)


@memory_app.command("store")
def memory_store(text: str) -> None:
    """Remember a text."""
    found = _ask("store", "--origin", ORIGIN, f"--word={text}")
    if not say(found):
        print(f"remembered as {found['id']}")


@memory_app.command("search")
def memory_search(
    query: str,
    limit: Annotated[int, typer.Option(min=1, max=50, help="How many at most.")] = 5,
    way: Annotated[str, typer.Option(help="both, text or vectors")] = "both",
) -> None:
    """Find what was remembered, by words and by meaning."""
    _show(_ask("search", "--limit", str(limit), "--way", way, f"--word={query}"))


@memory_app.command("list")
def memory_list(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many at most.")] = 50,
) -> None:
    """What is remembered, newest first."""
    _show(_ask("list", "--limit", str(limit)))


@memory_app.command("forget")
def memory_forget(memory: str, yes: Yes = False) -> None:
    """Forget one memory for good."""
    confirm(f"forget {memory}", yes)
    found = _ask("forget", f"--word={memory}")
    if not say(found):
        print(f"forgot {found['id']}")


app.add_typer(memory_app, name="memory")
