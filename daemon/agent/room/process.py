"""A room as a process: inside a cell, descriptor 4 is its line to whoever opened it.

It hears `say`, `mode`, `interject` and `stop`, one JSON object a line, and tells what happens.
Nothing is kept here: the other side keeps the entries, and hands them back to resume.
"""

from __future__ import annotations

import asyncio
import json
import socket
import tempfile
import traceback
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from daemon.agent.room.lock import ChannelLock
from daemon.agent.room.members import STEPS_MAX, Seat, member
from daemon.agent.room.outfit import Tools, providers, workspace_of
from daemon.agent.room.room import Room
from daemon.agent.room.transcript import Entry
from daemon.agent.room.voice import Tell
from ops.errors import Failed, Refused, Trouble
from ops.sockets import LINE_BYTES_MAX

LINE_FD = 4


class Opening(BaseModel):
    """The first line: who sits here, and what was said before."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    seats: tuple[Seat, ...] = Field(min_length=1)
    mode: str = "group"
    tools: tuple[str, ...] | None = None  # names and patterns; None: all of them
    web: bool = False
    entries: tuple[Entry, ...] = ()
    rules: str = ""
    steps_max: int = STEPS_MAX


class Line:
    """JSON objects out, in the order of telling, from any thread."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._loop = asyncio.get_running_loop()

    def tell(self, event: str, **data: Any) -> None:
        line = json.dumps({"event": event, **data}).encode() + b"\n"
        self._loop.call_soon_threadsafe(self._writer.write, line)

    async def close(self) -> None:
        """When all that was told is on its way."""
        await asyncio.sleep(0)
        with suppress(ConnectionError):
            await self._writer.drain()
            self._writer.close()
            await self._writer.wait_closed()


def furnished(opening: Opening, line: Line, folder: Path) -> Room:
    """The room with everyone in it. Raises Refused for a mode that is none."""
    workspace, models = workspace_of(opening.rules), providers()
    tools = Tools(opening.tools, opening.web)
    members = [
        member(seat, models, workspace, partial(tools.of, seat.name)) for seat in opening.seats
    ]
    for one in members:
        one.steps_max = opening.steps_max
    room = Room(members, ChannelLock(folder), line.tell, entries=list(opening.entries))
    room.chat_mode(opening.mode)
    return room


async def talk(own: socket.socket) -> None:
    own.setblocking(False)
    reader, writer = await asyncio.open_unix_connection(sock=own, limit=LINE_BYTES_MAX)
    line = Line(writer)
    with tempfile.TemporaryDirectory(prefix="room-") as folder:
        try:
            opening = Opening.model_validate_json(await reader.readline())
            room = furnished(opening, line, Path(folder))
        except ValidationError as error:
            line.tell("trouble", **Refused(f"the room makes no sense: {error}").as_json())
        except Trouble as trouble:
            line.tell("trouble", **trouble.as_json())
        else:
            line.tell("ready", seats=[one.seat.name for one in room.members])
            await _converse(room, line, reader)
    await line.close()


async def _converse(room: Room, line: Line, reader: asyncio.StreamReader) -> None:
    saying: asyncio.Task[None] | None = None
    while heard := await reader.readline():
        asked = json.loads(heard)
        if asked["do"] == "interject":
            room.interject()
            continue
        if saying is not None:
            await saying  # one thing after the other
        if asked["do"] == "say":
            saying = asyncio.create_task(_say(room, line.tell, str(asked["text"])))
        elif asked["do"] == "mode":
            _mode(room, line, str(asked["mode"]))
        elif asked["do"] == "who":
            line.tell("seats", seats=[one.seat.model_dump() for one in room.members])
            line.tell("idle")
        elif asked["do"] == "stop":
            return


async def _say(room: Room, tell: Tell, text: str) -> None:
    try:
        await room.say(text)
    except Trouble as trouble:
        tell("trouble", **trouble.as_json())
    except Exception as bug:  # noqa: BLE001 - the door of a room: it hears the next word too
        traceback.print_exc()
        text = f"the room broke: {type(bug).__name__}: {bug}"
        tell("trouble", **Failed(text, "see: orgctl logs chat").as_json())
    finally:
        tell("idle")


def _mode(room: Room, line: Line, mode: str) -> None:
    try:
        room.chat_mode(mode)
    except Trouble as trouble:
        line.tell("trouble", **trouble.as_json())
    line.tell("idle")


def main(_: list[str]) -> int:
    asyncio.run(talk(socket.socket(fileno=LINE_FD)))
    return 0
