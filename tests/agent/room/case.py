"""A room whose models are written beforehand: what each is asked and what it says."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from daemon.agent.messages import Call, Message
from daemon.agent.providers import ModelFault, Provider, Reply, Usage
from daemon.agent.room.lock import ChannelLock
from daemon.agent.room.members import Seat, member
from daemon.agent.room.outfit import offered
from daemon.agent.room.room import Room
from daemon.agent.workspace import Workspace

Hear = Callable[[str], None]


def says(content: str, *calls: tuple[str, str]) -> Reply:
    made = tuple(
        Call(id=f"c{at}", name=name, arguments=text) for at, (name, text) in enumerate(calls)
    )
    return Reply(content, made, usage=Usage(10, 5))


class Scripts:
    """The replies of each model, by its name; each is streamed in words."""

    def __init__(self, **replies: Sequence[Reply | ModelFault | threading.Event]) -> None:
        self.replies = {name: list(several) for name, several in replies.items()}
        self.asked: dict[str, list[list[Message]]] = {name: [] for name in replies}
        self.offered: dict[str, list[str]] = {}

    def __call__(self, model: str, hear: Hear, *_: Callable[..., None]) -> Provider:
        return _Voiced(self, model, hear)


class _Voiced:
    def __init__(self, scripts: Scripts, model: str, hear: Hear) -> None:
        self._scripts, self._model, self._hear = scripts, model, hear

    def reply(self, messages: Sequence[Message], tools: Sequence[dict[str, Any]]) -> Reply:
        self._scripts.asked[self._model].append(list(messages))
        self._scripts.offered[self._model] = [one["function"]["name"] for one in tools]
        reply = self._scripts.replies[self._model].pop(0)
        if isinstance(reply, threading.Event):  # speaks until it is stopped
            for _ in range(100):
                self._hear("and ")
                reply.wait(0.05)
            raise AssertionError("nobody interrupted")
        if isinstance(reply, ModelFault):
            raise reply
        for word in reply.content.split(" "):
            self._hear(word + " ")
        return reply


class Told(list[dict[str, Any]]):
    """Every event, in order; `wait` is for one of a kind that is still to come."""

    def __init__(self) -> None:
        super().__init__()
        self.more = threading.Condition()

    def __call__(self, event: str, **data: Any) -> None:
        with self.more:
            self.append({"event": event, **data})
            self.more.notify_all()

    def wait(self, event: str) -> None:
        with self.more:
            assert self.more.wait_for(lambda: self.of(event), timeout=10)

    def of(self, event: str) -> list[dict[str, Any]]:
        return [one for one in self if one["event"] == event]

    def said(self) -> list[tuple[str, str]]:
        return [(one["entry"]["who"], one["entry"]["text"]) for one in self.of("said")]


def room_of(folder: Path, scripts: Scripts, *seats: Seat) -> tuple[Room, Told]:
    workspace = Workspace(folder / "workspace")
    workspace.root.mkdir(exist_ok=True)
    told = Told()
    members = [member(seat, scripts, workspace, lambda: offered(None)) for seat in seats]
    return Room(members, ChannelLock(folder / "channel"), told), told


def seat(name: str, **more: Any) -> Seat:
    return Seat(name=name, **{"model": f"m_{name}", **more})


def say(room: Room, *texts: str) -> None:
    async def all_of_them() -> None:
        for text in texts:
            await room.say(text)

    asyncio.run(all_of_them())
