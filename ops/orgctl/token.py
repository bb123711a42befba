"""The verbs of tokens: who may read, chat, run tools and act on :7001."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from ops.orgctl.common import Yes, app, ask, confirm, say, token_app


@token_app.command("add")
def token_add(
    name: str,
    scope: Annotated[list[str], typer.Option(help="read, chat, tools, act; may stand often.")],
    hours: Annotated[float | None, typer.Option(help="How long it lives; act: else 12.")] = None,
    approves: Annotated[
        str | None, typer.Option(help="A candidate: the token approves it, once.")
    ] = None,
) -> None:
    """Make a token for :7001; it is shown this once."""
    found = ask("token.add", name=name, scopes=scope, hours=hours, approves=approves)
    if say(found):
        return
    print(found["token"])
    print(f"  it may {', '.join(found['scopes'])}{_until(found)}; it is not shown again")


@token_app.command("list")
def token_list() -> None:
    """The tokens there are, without their secrets."""
    found = ask("token.list")
    if not say(found):
        from ops import render

        rows = [
            (one["name"], " ".join(one["scopes"]), _until(one).strip() or "for good")
            for one in found["tokens"]
        ]
        render.table(("token", "may", "lives"), rows)


@token_app.command("remove")
def token_remove(name: str, yes: Yes = False) -> None:
    """End a token; who uses it is refused within seconds."""
    confirm(f"remove the token {name}", yes)
    if not say(ask("token.remove", name=name)):
        print(f"removed {name}")


app.add_typer(token_app, name="token")


def _until(found: dict[str, object]) -> str:
    ends = found.get("ends")
    if not isinstance(ends, int | float):
        return ""
    return time.strftime(" until %Y-%m-%d %H:%M", time.localtime(ends))
