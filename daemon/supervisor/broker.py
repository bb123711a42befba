"""The broker as the supervisor sees it: a child or a service, asked over its admin channel."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from daemon.core.budget import PER
from daemon.core.events import Kind
from daemon.core.release import Release
from daemon.supervisor.broker_room import Room
from daemon.supervisor.budgets import recorded_in
from daemon.supervisor.channel import Channel, Message
from daemon.supervisor.custody import Custody, Kept
from daemon.supervisor.world import World
from ops.errors import Failed, Refused, Trouble
from ops.faults import point
from ops.files import remove_tree
from ops.processes import Child, spawn

LOG_BYTES_MAX = 16 * 2**20
READY_SECONDS = 30.0
ANSWER_SECONDS = 30.0
CURRENT = "current"
RECENT = "recent.jsonl"  # below state: what was asked of current lately
PAUSE_SECONDS = 0.5
PAUSE_SECONDS_MAX = 30.0
BROKER = "broker"


def boot_argv(release: Release, module: str, *arguments: str) -> list[str]:
    """How every program of org is launched."""
    return [str(release.python), "-I", str(release.root / "ops/boot.py"), module, *arguments]


def log_file(world: World, name: str) -> int:
    """A descriptor that appends to logs/<name>.log; the caller closes it."""
    path = world.layout.logs / f"{name}.log"
    # A cell may write no further than its limit on files: what one left full is no one else's.
    if path.exists() and path.stat().st_size > LOG_BYTES_MAX:
        path.rename(path.with_name(f"{path.name}.1"))
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)


def recent(world: World) -> Path:
    """What was asked of current lately: in a room where the broker may write it."""
    room = Room.find()
    return room.path / "spool" / RECENT if room else world.layout.state / RECENT


@dataclass
class Door:
    """A cell's way to a model: bind `directory` in the cell at `doors.INSIDE`."""

    name: str
    directory: Path
    limits: Mapping[str, Any]
    context_tokens: int = 0  # of the model that it was opened for; 0: not known
    contexts: Mapping[str, int] = field(default_factory=dict)  # of the others that it may ask
    recorded: tuple[int, int] = (0, 0)  # tokens of prompts and replies, when it was opened

    def left(self) -> dict[str, Any]:
        """Its limits for a new broker: the account went with the old one, what it recorded stays.

        Money counts as if every token had been of the dearest kind.
        """
        limits = dict(self.limits)
        tokens = sum(self._recorded()) - sum(self.recorded)
        if limits.get("tokens_max") is not None:
            limits["tokens_max"] = max(0, limits["tokens_max"] - tokens)
        if limits.get("money_max") is not None:
            dearest = max((max(one) for one in limits["prices"].values()), default=0.0)
            limits["money_max"] = max(0.0, limits["money_max"] - tokens * dearest / PER)
        return limits

    def _recorded(self) -> tuple[int, int]:
        record = self.limits.get("record")
        return recorded_in(Path(record)) if record else (0, 0)


@dataclass
class Broker:
    """Restarted when it dies; the doors that were open are opened again."""

    world: World
    program: Release
    custody: Custody
    room: Room | None = field(default_factory=Room.find)
    child: Child | None = None
    channel: Channel | None = None
    doors: dict[str, Door] = field(default_factory=dict)
    number: int = field(default_factory=lambda: time.time_ns() // 1000)  # none answers twice
    waiting: dict[int, asyncio.Future[Message]] = field(default_factory=dict)
    listener: asyncio.Task[None] | None = None
    former: Kept | None = None
    there: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(self) -> None:
        """The service, the one that an earlier supervisor left, else a new one."""
        if self.room is not None:
            await self._join(self.room)
            return
        kept = next((k for k in self.custody.kept.values() if k.record["what"] == BROKER), None)
        if kept is not None and kept.record["root"] == str(self.program.root):
            self.child, channel = kept.child, await kept.channel()
            self._begin(channel)
            await self._ask("prune")
            return
        self.former = kept  # another program's: it goes once the doors are ours
        await self._launch()

    def _begin(self, channel: Channel) -> None:
        self.channel = channel
        self.there.set()
        self.listener = asyncio.create_task(self._listen(channel))

    async def _join(self, room: Room) -> None:
        """It is systemd's to start; doors that last are open from before."""
        channel = await room.join()
        await self._greeted(channel)
        self._begin(channel)
        for door in self.doors.values():
            await self._ask("open", cell=door.name, directory=str(door.directory), **door.left())

    async def _greeted(self, channel: Channel) -> None:
        if await channel.until(lambda message: "ready" in message, READY_SECONDS) is None:
            channel.close()
            raise Failed("the broker did not become ready", "see: orgctl logs broker")

    async def _launch(self) -> None:
        channel, theirs = await Channel.pair()
        log = log_file(self.world, "broker")
        argv = boot_argv(self.program, "daemon.broker", "--home", str(self.world.layout.home))
        try:
            self.child = spawn(
                argv, environment=dict(os.environ), fds={4: theirs.fileno()}, output=log
            )
        finally:
            os.close(log)
            theirs.close()
        await self._greeted(channel)
        record = {"what": BROKER, "root": str(self.program.root)}
        self.custody.keep(BROKER, record, self.child, channel)
        self._begin(channel)
        for door in self.doors.values():
            await self._ask("open", cell=door.name, directory=str(door.directory), **door.left())

    async def _listen(self, channel: Channel) -> None:
        """Hand answers to those who wait; when the broker dies, start another."""
        while (message := await channel.receive()) is not None:
            future = self.waiting.pop(message.get("id", -1), None)
            if future is not None and not future.done():
                future.set_result(message)
        self.channel = None
        self.there.clear()
        for future in self.waiting.values():
            if not future.done():
                future.set_result({"error": "the broker ended", "hint": "it is started again"})
        self.waiting.clear()
        if self.room is not None:
            await self._again("systemd starts it again", partial(self._join, self.room))
        elif self.child is not None:
            self.custody.drop(BROKER)
            await self._again("it is started again", self._launch)

    async def _again(self, what: str, start: Callable[[], Awaitable[None]]) -> None:
        """Until it is there again, and one may die while it starts: without it nobody
        reaches a model."""
        pause = PAUSE_SECONDS
        mine = self.listener  # one that got as far as to listen looks after itself
        while self.channel is None and self.listener is mine:
            if self.child is not None:
                self.child.kill()
            self.world.tell(Kind.NOTICE, text=f"the broker ended; {what}")
            await asyncio.sleep(pause)
            pause = min(pause * 2, PAUSE_SECONDS_MAX)
            with contextlib.suppress(Trouble):  # told above, with the next try
                await start()

    async def _ask(self, verb: str, **arguments: Any) -> Message:
        channel = await self._reached()
        self.number += 1
        future: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        number = self.number
        self.waiting[number] = future
        point(f"broker.{verb}.before")
        await channel.send({"id": number, "do": verb, **arguments})
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                answer = await future
        except TimeoutError as error:
            raise Failed("the broker does not answer", "see: orgctl logs broker") from error
        finally:
            self.waiting.pop(number, None)
        point(f"broker.{verb}.after")
        if "error" in answer:
            raise Refused(str(answer["error"]), str(answer.get("hint", "")))
        found = answer.get("ok")
        return found if isinstance(found, dict) else {}

    async def _reached(self) -> Channel:
        """The way to it; while it is started again, that is waited for. Raises Failed."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ANSWER_SECONDS if self.listener else 0):
                await self.there.wait()
        if self.channel is None:
            raise Failed("the broker is not running", "see: orgctl logs broker")
        return self.channel

    async def open(self, name: str, **limits: Any) -> Door:
        """A new way in; `limits` are tokens_max, record, replay, and the model it is for.

        What goes through current's is kept, a little of it, for candidates to be tried on.
        """
        if name == CURRENT:
            limits = {"recent": str(recent(self.world)), **limits}
        door = await asyncio.to_thread(self._door, name, limits)
        try:
            said = await self._ask("open", cell=name, directory=str(door.directory), **door.limits)
            door.context_tokens = int(said.get("context_tokens") or 0)
            door.contexts = dict(said.get("contexts") or {})
            door.recorded = door._recorded()
        except (Trouble, OSError):
            await asyncio.to_thread(self._remove, door)
            raise
        self.doors[name] = door
        if limits.get("lasting"):
            await self._retire_former()
        return door

    async def _retire_former(self) -> None:
        """It finishes what is under way through it, and then ends; one that cannot is ended."""
        former, self.former = self.former, None
        if former is None:
            return
        channel = await former.channel()
        await channel.send({"id": 0, "do": "retire"})
        said = await channel.until(lambda message: message.get("id") == 0, ANSWER_SECONDS)
        channel.close()
        if said is None or "error" in said:
            former.child.kill()

    def _door(self, name: str, limits: Mapping[str, Any]) -> Door:
        if self.room is not None:
            return Door(name, self.room.door(name), self.room.lend(name, limits))
        directory = self.world.layout.run / "cells" / name
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        return Door(name, directory, limits)

    async def close(self, name: str) -> Message:
        """Shut it; what was used through it is the answer."""
        door = self.doors.pop(name, None)
        try:
            return await self._ask("close", cell=name)
        finally:
            if door is not None:
                await asyncio.to_thread(self._remove, door)

    def _remove(self, door: Door) -> None:
        if self.room is not None:
            self.room.take_back(door.name)
        remove_tree(door.directory)

    async def reload(self) -> None:
        """The model's settings and keys are read again."""
        await self._ask("reload")

    async def probe(self, model: str = "") -> Message:
        """Whether the endpoint of `model` answers; without one the main one."""
        return await self._ask("probe", model=model)

    async def stop(self) -> None:
        child, self.child = self.child, None
        self.leave()
        if self.channel is not None:
            self.channel.close()
        if child is not None:
            child.kill()
            self.custody.drop(BROKER)

    def leave(self) -> None:
        """Go, and let it live on for the next supervisor."""
        if self.listener is not None:
            self.listener.cancel()
