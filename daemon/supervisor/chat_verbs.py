"""The verbs of chats: a way to the models for a room that orgctl opens, shut when it ends."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from daemon.supervisor import runnable
from daemon.supervisor.broker import Broker
from daemon.supervisor.control import Answer, Verb
from daemon.supervisor.runnable import limits_of
from daemon.supervisor.world import World
from fitness.hidden import without_answers
from ops.errors import Exit, Failed, Refused
from ops.files import remove_tree
from ops.mounts import Mount

DOOR = "chat-"
SHOWN_MAX = 8
MODELS_MAX = 64
Arguments = Mapping[str, Any]


@dataclass
class ChatVerbs:
    """Doors are named after the process that holds them, so that the dead leave none open."""

    world: World
    broker: Broker

    def table(self) -> dict[str, Verb]:
        return {"chat.open": self.open, "chat.close": self.close}

    async def open(self, arguments: Arguments) -> Answer:
        """Where the models are to be had, and what the room's cell is made of."""
        pid = int(arguments["pid"])
        model, models = await self._models([str(one) for one in arguments.get("models") or ()])
        await self._sweep()
        program = await runnable.program(self.world)
        door = await self.broker.open(f"{DOOR}{pid}", models=models, model=model)
        seen = without_answers(
            (Mount(program.root, program.root),), self.world.layout.run / "empty"
        )
        endpoints = [self.world.settings.endpoint(one) for one in (model, *models)]
        return {
            "directory": str(door.directory),
            "root": str(program.root),
            "python": str(program.python),
            "mounts": [(str(mount.source), str(mount.target)) for mount in seen],
            "model": model,
            "telling": self._telling(),
            "contexts": {model: door.context_tokens, **door.contexts},
            "web": bool(self.world.settings.fetch.allow),
            "idle_seconds": max(one.idle_seconds for one in endpoints),
            "backend": self.world.settings.cells.backend,
            "limits": asdict(limits_of(self.world.settings)),
        }

    def _telling(self) -> dict[str, int]:
        """What telling a model of its tools may cost, where a setting says so."""
        author = self.world.settings.author
        usual = type(author)()
        names = ("tool_tokens_max", "small_tool_tokens_max")
        return {
            name: value
            for name in names
            if (value := getattr(author, name)) != getattr(usual, name)
        }

    async def _models(self, wanted: list[str]) -> tuple[str, list[str]]:
        """The model that is meant when none is named, and those that were. Raises Refused."""
        found = await self.broker.probe()
        if not found.get("answers"):
            text = f"no model answers: {found.get('detail') or 'the endpoint is silent'}"
            raise Failed(text, "see model.base in org.toml, or: orgctl doctor")
        offered = [str(one) for one in found.get("models") or ()]
        own = self.world.settings.model.name or (offered[0] if offered else "")
        for name in wanted[:MODELS_MAX]:
            if name != own and name not in offered and f"{name}:latest" not in offered:
                there = ", ".join(offered[:SHOWN_MAX]) or "none"
                raise Refused(f"no model {name}", f"there is: {there}", Exit.ABSENT)
        return own, wanted[:MODELS_MAX]

    async def _sweep(self) -> None:
        """Close what a killed orgctl left open."""
        for name in [one for one in self.broker.doors if one.startswith(DOOR)]:
            if not _lives(int(name.removeprefix(DOOR))):
                await self._shut(name)

    async def _shut(self, name: str) -> Answer:
        door = self.broker.doors.get(name)
        if door is None:
            raise Refused(f"no chat of {name}", "see: orgctl status", Exit.ABSENT)
        used = await self.broker.close(name)
        remove_tree(door.directory)
        return used

    async def close(self, arguments: Arguments) -> Answer:
        """What was used through it."""
        return await self._shut(f"{DOOR}{int(arguments['pid'])}")


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)  # asks only
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
