"""Teams: a file each in `teams/` of the home, written by `orgctl team create` or by hand."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ops.errors import Exit, Refused
from ops.files import write_atomic
from ops.layout import Layout

NAME = re.compile(r"[a-z0-9][\w-]{0,47}")
FILE_BYTES_MAX = 2**20
PLAIN = ("lead", "parallel", "tests", "security", "tokens_max", "approve", "tools")
Team = dict[str, Any]


def _file(layout: Layout, name: str) -> Path:
    if not NAME.fullmatch(name):
        raise Refused(f"{name!r} cannot name a team", "use small letters, digits, - and _")
    if not layout.state.is_dir():
        raise Refused(f"no instance at {layout.home}", "make one with: orgctl init", Exit.DOWN)
    return layout.home / "teams" / f"{name}.toml"


def names(layout: Layout) -> list[str]:
    return sorted(path.stem for path in _file(layout, "x").parent.glob("*.toml"))


def read(layout: Layout, name: str) -> Team:
    """`seats`, `lead` and the criteria. Raises Refused when there is none, or it is spoilt."""
    path = _file(layout, name)
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
        members = dict(found["members"])
        seats = [_seat(key, one) for key, one in members.items()]
    except FileNotFoundError as error:
        there = ", ".join(names(layout)) or "none; make one with: orgctl team create"
        raise Refused(f"no team {name}", f"there is: {there}", Exit.ABSENT) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, LookupError, AttributeError) as error:
        text = f"{path}: {error or 'no members'}"
        raise Refused(text, 'it needs [members.alice] with model = "…"') from error
    unknown = set(found) - {*PLAIN, "members"}
    if unknown:
        raise Refused(f"{path}: {min(unknown)} is not known", f"there is: {', '.join(PLAIN)}")
    if not seats:
        raise Refused(f"{path} has no members", 'add [members.alice] with model = "…"')
    lead = str(found.get("lead") or seats[0]["name"])
    return {key: found[key] for key in PLAIN if key in found} | {"seats": seats, "lead": lead}


def _seat(name: str, said: Mapping[str, Any]) -> dict[str, str]:
    return {
        "name": name,
        "model": str(said.get("model", "")),
        "persona": str(said.get("persona", "")),
    }


def create(layout: Layout, name: str, team: Team) -> Path:
    """Raises Refused when there is one of that name, or the lead is nobody."""
    path = _file(layout, name)
    if path.exists():
        raise Refused(f"there is a team {name}", f"edit {path}, or delete it first")
    if team["lead"] not in [seat["name"] for seat in team["seats"]]:
        raise Refused(f"the lead {team['lead']} is not in the team", "name a member")
    path.parent.mkdir(mode=0o700, exist_ok=True)
    lines = [f"{key} = {_toml(team[key])}" for key in PLAIN if team.get(key) is not None]
    for seat in team["seats"]:
        lines += ["", f"[members.{seat['name']}]"]
        lines += [f"{key} = {_toml(seat[key])}" for key in ("model", "persona")]
    write_atomic(path, ("\n".join(lines) + "\n").encode())
    return path


def _toml(value: Any) -> str:
    """Strings, numbers, booleans and lists of strings are written in TOML as in JSON."""
    return json.dumps(value)


def delete(layout: Layout, name: str) -> None:
    read(layout, name)
    _file(layout, name).unlink()


def criteria(team: Mapping[str, Any]) -> dict[str, Any]:
    return {key: team[key] for key in ("tests", "security", "tokens_max", "approve") if key in team}
