"""What agents in a cell are given, by the environment they start in: models, memory, tools."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from daemon.agent.providers.openai import IDLE_SECONDS, OpenAI, over_socket
from daemon.agent.room.members import Providers
from daemon.agent.rules import shipped
from daemon.agent.skills.shelf import Shelf
from daemon.agent.tools import allowed
from daemon.agent.tools.promoting import promoting
from daemon.agent.tools.remembering import MemoryDoor, memory_tools
from daemon.agent.tools.tool import Tool
from daemon.agent.workspace import Workspace

BROKER = "ORG_BROKER"  # a socket's path
IDLE = "ORG_IDLE_SECONDS"  # how long the broker lets a model be silent
KEPT = "ORG_KEPT"  # a folder, for what tools keep as evidence
MEMORY = "ORG_MEMORY"  # the number of a descriptor, where there is a memory
SKILLS = "ORG_SKILLS"  # folders; the first is the room's own, where it may keep more
NOT_FOR_TALK = frozenset({"done", "question"})  # who talks ends by talking, and asks so


def offered(names: tuple[str, ...] | None, web: bool = False) -> tuple[Tool, ...]:
    """org's tools; what is not offered is refused when called. `web`: places of it are allowed."""
    fit = [one for one in allowed(None, web) if one.name not in NOT_FOR_TALK]
    return _chosen(fit, names)


def _chosen(tools: Sequence[Tool], names: tuple[str, ...] | None) -> tuple[Tool, ...]:
    """Those that a name or pattern allows."""
    if names is None:
        return tuple(tools)
    return tuple(one for one in tools if any(fnmatchcase(one.name, name) for name in names))


@dataclass
class Tools:
    """`names` are names and patterns of what is offered; None offers all."""

    names: tuple[str, ...] | None
    web: bool = False
    shelf: Shelf = field(default_factory=lambda: Shelf(_folders()))
    door: MemoryDoor | None = field(default_factory=lambda: _memory())

    def of(self, name: str) -> tuple[Tool, ...]:
        """What a member has now, skills first: what does not fit the budget goes from the end."""
        own = memory_tools(self.door, name) if self.door else ()
        made = (promoting(self.shelf.folders[0]),) if self.shelf.folders else ()
        skills = _chosen(self.shelf.tools(), self.names)
        return (*skills, *offered(self.names, self.web), *_chosen((*own, *made), self.names))


def _folders() -> list[Path]:
    return [Path(one) for one in os.environ.get(SKILLS, "").split(os.pathsep) if one]


def _memory() -> MemoryDoor | None:
    number = os.environ.get(MEMORY)
    return MemoryDoor(socket.socket(fileno=int(number))) if number else None


def workspace_of(rules: str) -> Workspace:
    """Where we are; `rules` are a person's own, beside the shipped ones. Raises Refused."""
    checked = shipped().with_more(rules, "rules.toml") if rules else None
    kept = os.environ.get(KEPT)
    way = os.environ.get(BROKER)
    return Workspace(Path.cwd(), rules=checked, kept=Path(kept) if kept else None, broker=way)


def providers() -> Providers:
    """Any model by its name, through the one door."""
    client = over_socket(os.environ[BROKER], float(os.environ.get(IDLE, IDLE_SECONDS)))
    return lambda model, hear, anew: OpenAI(client, model, hear, anew=anew)
