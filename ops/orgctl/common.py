"""What all verbs share: the application, the common flags, asking, saying, confirming."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from ops.errors import Exit, Refused
from ops.layout import Layout, find_home

HELP = """Steer an org instance: it serves, evolves, judges, promotes and rolls back.

Every verb takes --json and --home DIR. Exit codes: 0 done, 1 judged no, 2 misuse,
3 busy, 4 no such thing, 5 daemon not running, 130 interrupted.
"""
app = typer.Typer(
    help=HELP,
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
goal_app = typer.Typer(
    help="Goals: what should become better.", no_args_is_help=True, rich_markup_mode=None
)
token_app = typer.Typer(
    help="Tokens: who may do what on :7001.", no_args_is_help=True, rich_markup_mode=None
)

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


@dataclass
class Asked:
    """What stands for all verbs, wherever it stood on the command line."""

    home: Path | None = None
    as_json: bool = False

    @property
    def layout(self) -> Layout:
        return Layout(find_home(self.home))


ASKED = Asked()


def take_common(argv: list[str]) -> list[str]:
    """The arguments without --json and --home, which may stand anywhere before `--`."""
    left: list[str] = []
    waiting = iter(argv)
    for word in waiting:
        if word == "--":
            return [*left, word, *waiting]
        if word == "--json":
            ASKED.as_json = True
        elif word == "--home":
            ASKED.home = _folder(next(waiting, ""))
        elif word.startswith("--home="):
            ASKED.home = _folder(word.removeprefix("--home="))
        else:
            left.append(word)
    return left


def _folder(named: str) -> Path:
    if not named or named.startswith("-"):
        raise Refused("--home needs a directory", "for example: --home /var/lib/org")
    return Path(named)


def ask(verb: str, progress: bool = False, **arguments: object) -> dict[str, Any]:
    from ops import client

    hear = _tell if progress and not ASKED.as_json else None
    return client.ask(ASKED.layout, verb, hear, **arguments)


def _tell(event: dict[str, Any]) -> None:
    from ops import render

    told = render.event(event)
    if told is not None:
        print(told, file=sys.stderr, flush=True)


def say(found: dict[str, Any]) -> bool:
    """The JSON, when that was asked for; says whether it was."""
    if ASKED.as_json:
        print(json.dumps(found, indent=1))
    return ASKED.as_json


def confirm(question: str, yes: bool) -> None:
    """What destroys or switches is asked on a terminal; a script must say --yes."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise Refused(f"to {question} needs a yes", "say it with --yes")
    from ops import render

    if not typer.confirm(f"{render.line(question)}?", err=True):  # stdout is for what was found
        raise Refused("nothing was changed", "", Exit.JUDGED_NO)
