"""What a jury may have served while it judges: the candidate on :7002, and pairs beside it.

A pair is the candidate's and current's code in cells of their own, on sockets that nobody
else knows, each with a model that answers from a recorded session. All of it ends with
the judgement.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from daemon.core.release import Release
from daemon.supervisor import budgets
from daemon.supervisor.broker import Broker
from daemon.supervisor.channel import Message
from daemon.supervisor.serving import Serving, Unready
from daemon.supervisor.slots import Slots
from daemon.supervisor.starting import Order, start
from daemon.supervisor.world import World
from fitness.beside import CANDIDATE
from ops.errors import Failed, Trouble
from ops.files import write_atomic

BACKLOG = 256
STOP_SECONDS = 0.0  # nobody but the jury asks them
CRAMPED_FILE_BYTES = 1  # as on a full disk, no file takes what is written to it
SILENT_MODEL = b'{"session": 1, "model": "", "made": 0}\n'  # a recording that answers nothing


@dataclass
class Stand:
    """Asked over the jury's line; `releases` says which code the names stand for.

    What :7002 asks of models while `case` is judged is limited, and charged to it.
    """

    world: World
    slots: Slots
    broker: Broker
    releases: Mapping[str, Release]
    case: str = ""
    beside: dict[str, Serving] = field(default_factory=dict)

    async def answer(self, message: Message) -> Message:
        """What a jury needs; what cannot be had is told as `failed`, and is a gate's to report.

        It is `ours` unless the candidate's own code did not come up.
        """
        try:
            match message.get("need"):
                case "serve":
                    return await self._serve()
                case "beside":
                    cramped = bool(message.get("cramped"))
                    return await self._beside(message["wanted"], cramped)
                case "replies":
                    await self._replies(str(message["name"]), Path(str(message["replies"])))
                case "end":
                    await self._end([str(name) for name in message["names"]])
            return {"done": True}
        except Unready as unready:
            return {"failed": unready.message}
        except (Trouble, OSError) as trouble:
            return {"failed": str(trouble), "ours": True}

    async def _serve(self) -> Message:
        limits = await asyncio.to_thread(budgets.for_judging, self.world, self.case)
        door = await self.broker.open(CANDIDATE, **limits)
        serving = await self.slots.serve_candidate(self.releases[CANDIDATE], door)
        url = _url(self.slots.candidate_socket)
        return {"served": {"url": url, "pid": serving.pid, "broker": None}}

    async def _beside(self, wanted: list[dict[str, Any]], cramped: bool) -> Message:
        asked = [self._start(str(one["name"]), str(one["which"]), cramped) for one in wanted]
        started = await asyncio.gather(*asked, return_exceptions=True)
        for one in started:
            if isinstance(one, BaseException):
                raise one
        return {"beside": started}

    async def _start(self, name: str, which: str, cramped: bool) -> dict[str, Any]:
        world, release = self.world, self.releases[which]
        if cramped:
            cells = world.settings.cells.model_copy(update={"file_bytes": CRAMPED_FILE_BYTES})
            world = replace(world, settings=world.settings.model_copy(update={"cells": cells}))
        silent = world.layout.run / "silent.jsonl"
        write_atomic(silent, SILENT_MODEL)
        door = await self.broker.open(_door(name), replay=str(silent))
        with socket.create_server(("127.0.0.1", 0), backlog=BACKLOG) as listener:
            order = Order(release, "candidate", None, listener, door)
            try:
                serving = await start(world, order)
            except Unready as unready:
                if which == CANDIDATE:
                    raise
                raise Failed(unready.message, unready.hint) from unready
            self.beside[name] = serving
            return {"name": name, "which": which, "url": _url(listener), "pid": serving.pid}

    async def _replies(self, name: str, session: Path) -> None:
        """The same way in, where the cell knows it, with another recording behind it."""
        await self.broker.open(_door(name), replay=str(session))

    async def _end(self, names: list[str]) -> None:
        for name in names:
            serving = self.beside.pop(name, None)
            if serving is not None:
                await serving.stop(STOP_SECONDS)
            if _door(name) in self.broker.doors:
                await self.broker.close(_door(name))

    async def clear(self) -> None:
        """Nothing of a judgement is left, whether the jury tidied up or not."""
        left = [*self.beside, *(n.removeprefix("judge-") for n in self.broker.doors)]
        await self._end([name for name in left if _door(name) in self.broker.doors])
        await self.slots.drop_candidate()
        if CANDIDATE in self.broker.doors:
            budgets.charge(self.world, self.case, await self.broker.close(CANDIDATE))


def _door(name: str) -> str:
    return f"judge-{name}"


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://{host}:{port}"
