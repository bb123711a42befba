"""The shelves of an instance for orgctl: list, show, promote, remove; gives one JSON object.

Promoting loads the source once, in a cell that sees nothing but it.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from daemon.agent.skills.reading import SOURCE_CHARS_MAX, Skill, Unfit, promoted
from daemon.agent.skills.shelf import CHECK_SECONDS, OWN, Shelf, argv_of
from daemon.state.settings import load
from ops.cell import DEFAULT, SYSTEM_MOUNTS, Cell, Limits, Mount, python_mounts
from ops.cell import run as run_cell
from ops.errors import Exit, Refused, Trouble
from ops.files import read_bounded, write_atomic
from ops.loaded import ROOT
from ops.rooms import RoomFolder, shelves

INSIDE = Path("/skill")
Json = dict[str, Any]


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="daemon.agent.skills")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--room", default="")
    parser.add_argument("verb", choices=("list", "show", "promote", "remove"))
    parser.add_argument("--word", default="")
    flags = parser.parse_args(argv)
    verbs = {"list": _list, "show": _show, "promote": _promote, "remove": _remove}
    try:
        print(json.dumps(verbs[flags.verb](flags)))
    except Trouble as trouble:
        print(json.dumps(trouble.as_json()))
        return int(trouble.code)
    return 0


def _folders(flags: argparse.Namespace) -> dict[str, Path]:
    """Where skills are, by whose they are."""
    own = shelves(flags.home)
    rooms = sorted((flags.home / "state/rooms").glob("*/skills"))
    return {**own, **{f"room {path.parent.name}": path for path in rooms}}


def _list(flags: argparse.Namespace) -> Json:
    skills, aside = [], []
    for whose, folder in _folders(flags).items():
        found, unfit = Shelf([folder]).look()
        skills += [_row(whose, path, skill) for path, skill in found.values()]
        aside += [{"file": str(one.path), "from": whose, "why": one.why} for one in unfit]
    return {"skills": skills, "aside": aside}


def _row(whose: str, path: Path, skill: Skill) -> Json:
    return {"name": skill.name, "purpose": skill.purpose, "from": whose, "file": str(path)}


def _find(flags: argparse.Namespace) -> tuple[str, Path, Skill]:
    """Raises Refused when nothing is called so, or several are and no room was named."""
    named = _folders(flags)
    if flags.room:
        named = {f"room {flags.room}": RoomFolder.at(flags.home, flags.room).skills}
    for whose, folder in named.items():
        found, _ = Shelf([folder]).look()
        if flags.word in found:
            return whose, *found[flags.word]
    raise Refused(f"no skill {flags.word}", "see: orgctl skill list", Exit.ABSENT)


def _show(flags: argparse.Namespace) -> Json:
    whose, path, skill = _find(flags)
    schema = skill.arguments.model_json_schema()
    return {**_row(whose, path, skill), "arguments": schema, "source": skill.source}


def _promote(flags: argparse.Namespace) -> Json:
    """A file, or a skill of a room, becomes everybody's."""
    source = _find(flags)[2].source if flags.room else _source(Path(flags.word))
    try:
        skill = promoted(source)
    except Unfit as unfit:
        raise Refused(f"that is no skill: {unfit}", "mend it and try again") from unfit
    if skill.name in OWN:
        raise Refused(f"{skill.name} is a tool of org already", "call it something else")
    _tried(skill, load(flags.home).cells.backend)
    folder = shelves(flags.home)["promoted"]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{skill.name}.py"
    write_atomic(path, skill.source.encode())
    return _row("promoted", path, skill)


def _source(path: Path) -> str:
    try:
        return read_bounded(path, SOURCE_CHARS_MAX + 1).decode("utf-8")
    except OSError as error:
        raise Refused(f"{path}: {error.strerror}", "name a Python file", Exit.ABSENT) from error
    except UnicodeDecodeError as error:
        raise Refused(f"{path} is no text", "name a Python file") from error


def _tried(skill: Skill, backend: str) -> None:
    """Loaded once where it can do no harm. Raises Refused with what it said."""
    python = Path(sys.executable)
    with tempfile.TemporaryDirectory(prefix="skill-") as folder:
        Path(folder, "skill.py").write_text(skill.source, encoding="utf-8")
        inside = INSIDE if backend != "none" else Path(folder)
        cell = Cell(
            argv=argv_of(inside / "skill.py", skill),
            mounts=(
                *SYSTEM_MOUNTS,
                *python_mounts(python),
                Mount(ROOT, ROOT),
                Mount(Path(folder), INSIDE),
            ),
            limits=Limits(**(vars(DEFAULT) | {"wall_seconds": CHECK_SECONDS})),
            backend=backend,
        )
        done = run_cell(cell)
    if done.exit != 0:
        said = done.stderr.decode("utf-8", "replace").strip() or f"it ended by its {done.limit}"
        raise Refused(f"{skill.name} cannot be loaded: {said}", "mend it and try again")


def _remove(flags: argparse.Namespace) -> Json:
    """Only what was promoted: a user's own files are the user's to remove."""
    whose, path, skill = _find(flags)
    if whose == "tools":
        raise Refused(f"{skill.name} is your own file {path}", "remove the file")
    path.unlink()
    return _row(whose, path, skill)
