"""Shelves: folders of skills, read anew whenever they are looked at; what is unfit is set aside."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from daemon.agent.skills.reading import SOURCE_CHARS_MAX, Skill, Unfit, promoted, skills_in
from daemon.agent.tools import TOOLS, commands
from daemon.agent.tools.tool import Result, Risk, Tool
from daemon.agent.workspace import Workspace
from ops.files import read_bounded, write_atomic
from ops.loaded import ROOT

FILES_MAX = 200
RUN_SECONDS = 60
CHECK_SECONDS = 20
ARGUMENTS_CHARS_MAX = 100_000
OWN = frozenset(tool.name for tool in TOOLS) | {"remember", "recall", "promote_skill"}


@dataclass(frozen=True)
class Aside:
    """A file that is not offered, and why."""

    path: Path
    why: str


@dataclass
class Shelf:
    """Folders in order: the first to have a name keeps it. New files are there at the next look."""

    folders: Sequence[Path]
    _known: dict[Path, tuple[int, int, list[Skill] | Aside]] = field(default_factory=dict)

    def look(self) -> tuple[dict[str, tuple[Path, Skill]], list[Aside]]:
        found: dict[str, tuple[Path, Skill]] = {}
        aside: list[Aside] = []
        for path in self._files():
            read = self._read(path)
            if isinstance(read, Aside):
                aside.append(read)
                continue
            for skill in read:
                if skill.name in OWN or skill.name in found:
                    whose = "a tool of org" if skill.name in OWN else found[skill.name][0]
                    aside.append(Aside(path, f"{skill.name} is {whose} already"))
                else:
                    found[skill.name] = path, skill
        return found, aside

    def _files(self) -> list[Path]:
        every = [path for folder in self.folders for path in sorted(folder.glob("*.py"))]
        return [path for path in every if not path.name.startswith(("_", "."))][:FILES_MAX]

    def _read(self, path: Path) -> list[Skill] | Aside:
        try:
            stat = path.stat()
            known = self._known.get(path)
            if known is not None and known[:2] == (stat.st_mtime_ns, stat.st_size):
                return known[2]
            read = _skills(path)
        except OSError as error:
            return Aside(path, error.strerror or "it cannot be read")
        self._known[path] = stat.st_mtime_ns, stat.st_size, read
        return read

    def tools(self) -> tuple[Tool, ...]:
        """Those that fit, as tools."""
        found, _ = self.look()
        return tuple(tool_of(path, skill) for path, skill in found.values())


def _skills(path: Path) -> list[Skill] | Aside:
    try:
        return skills_in(read_bounded(path, SOURCE_CHARS_MAX + 1).decode("utf-8"))
    except UnicodeDecodeError:
        return Aside(path, "it is no text")
    except Unfit as unfit:
        return Aside(path, str(unfit))


def argv_of(path: Path, skill: Skill, *arguments: str) -> tuple[str, ...]:
    boot = (sys.executable, "-I", str(ROOT / "ops/boot.py"), "daemon.agent.skills.run")
    return (*boot, str(path), skill.function, *arguments)


def tool_of(path: Path, skill: Skill) -> Tool:
    """The tool that runs it, in a process of its own in the caller's cell."""

    def run(arguments: Any, workspace: Workspace) -> Result:
        text = json.dumps(arguments.model_dump(mode="json"))
        if len(text) > ARGUMENTS_CHARS_MAX:
            return Result(f"error: more than {ARGUMENTS_CHARS_MAX} characters of arguments", False)
        code, said = commands.run(argv_of(path, skill, text), RUN_SECONDS, workspace)
        return Result(said, True) if code == 0 else Result(f"error: {said}", ok=False)

    return Tool(skill.name, skill.purpose, Risk.RUNS, skill.arguments, run)


def promote(source: str, folder: Path, workspace: Workspace) -> Skill:
    """Validate, tidy, try to load, keep; it is a tool at the next look. Raises Unfit.

    Loading runs the source's top: only ever call this inside a cell.
    """
    skill = promoted(source)
    if skill.name in OWN:
        raise Unfit(f"{skill.name} is a tool of org already")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    trial = folder / f".{skill.name}.py"
    write_atomic(trial, skill.source.encode())
    try:
        code, said = commands.run(argv_of(trial, skill), CHECK_SECONDS, workspace)
        if code != 0:
            raise Unfit(f"{skill.name} cannot be loaded: {said.strip()}")
        trial.replace(folder / f"{skill.name}.py")
    finally:
        trial.unlink(missing_ok=True)
    return skill
