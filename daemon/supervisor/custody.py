"""What the keeper holds for the supervisor: children and the lines to them.

A supervisor that dies, or makes way for a newer one, leaves them running; the next one
gets the very descriptors back. So nobody who is being served notices.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from daemon.supervisor.channel import Channel
from ops.faults import around
from ops.processes import Child
from ops.sockets import receive_packet, send_packet

CUSTODY_FD = 6
BEAT_SECONDS = 1.0
TAKE_SECONDS = 10.0


@dataclass(frozen=True)
class Kept:
    """One child as it was left: `record` is what its owner wrote down of it."""

    key: str
    record: Mapping[str, Any]
    child: Child
    line: socket.socket

    async def channel(self) -> Channel:
        return await Channel.over(self.line, torn=True)


class Custody:
    """Our end of the line to the keeper."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self.kept: dict[str, Kept] = {}

    @classmethod
    def take(cls) -> Custody:
        """Everything that an earlier supervisor left, as far as it still lives."""
        os.set_inheritable(CUSTODY_FD, False)
        line = socket.socket(fileno=CUSTODY_FD)
        line.settimeout(TAKE_SECONDS)
        custody = cls(line)
        while (packet := receive_packet(line)) is not None and "key" in packet[0]:
            custody._admit(*packet)
        line.setblocking(False)
        return custody

    def _admit(self, message: Mapping[str, Any], fds: list[int]) -> None:
        record = message["record"]
        child = Child(int(record["pid"]), fds[1])
        if len(fds) > 2:
            child.adopt_inner(int(record["inner"]), fds[2])
        if child.poll() is None:
            held = socket.socket(fileno=fds[0])
            key = str(message["key"])
            self.kept[key] = Kept(key, record, child, held)
        else:
            child.kill()  # what it walled in may live on
            child.close()
            os.close(fds[0])
            self.drop(str(message["key"]))

    def keep(self, key: str, record: Mapping[str, Any], child: Child, channel: Channel) -> None:
        """From now on it outlives us."""
        known = {**record, "pid": child.pid, "inner": child.inner}
        with around("custody.keep"):
            self._say({"key": key, "record": known}, (channel.fileno(), *child.descriptors()))

    def drop(self, key: str) -> None:
        with around("custody.drop"):
            self._say({"drop": key})

    def bless(self) -> None:
        """This program holds: it is the one to come back to from now on."""
        self._say({"blessed": True})

    def ready(self) -> None:
        self._say({"ready": True})

    def _say(self, message: Mapping[str, Any], fds: tuple[int, ...] = ()) -> None:
        # A keeper that is gone is told by `when_gone`; one that is asleep must not stop us.
        with contextlib.suppress(ConnectionError, BlockingIOError):
            send_packet(self._line, message, fds)

    async def beat(self) -> None:
        """Show that the loop turns, for ever."""
        while True:
            self._say({"alive": True})
            await asyncio.sleep(BEAT_SECONDS)

    def when_gone(self, then: Callable[[], None]) -> None:
        """Call it when the keeper is no more: then nothing holds the sockets but us."""
        loop = asyncio.get_running_loop()

        def look() -> None:
            loop.remove_reader(self._line)
            then()

        loop.add_reader(self._line, look)
