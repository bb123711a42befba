"""JSON lines over one end of a socket pair: how the supervisor talks with its children."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable, Mapping
from typing import Any, Self

from ops.errors import Failed

LINE_BYTES_MAX = 16 * 2**20
DEPTH_MAX = 100  # of what lies in each other in a message: whoever reads it goes down by calls
Message = dict[str, Any]


class Channel:
    """Our end; the other end's descriptor goes to exactly one child.

    What arrives is untrusted: a line that is no JSON object, or a deep one, ends the channel.
    """

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, own: socket.socket
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._own = own
        self._torn = False

    @classmethod
    async def pair(cls) -> tuple[Self, socket.socket]:
        """A channel, and the socket to hand to the child (close it once the child runs)."""
        ours, theirs = socket.socketpair()
        return await cls.over(ours), theirs

    @classmethod
    async def over(cls, own: socket.socket, torn: bool = False) -> Self:
        """On a socket that is there; `torn` when an earlier owner may have read half a line."""
        own.setblocking(False)
        reader, writer = await asyncio.open_unix_connection(sock=own, limit=LINE_BYTES_MAX)
        channel = cls(reader, writer, own)
        channel._torn = torn
        return channel

    def fileno(self) -> int:
        return self._own.fileno()

    async def send(self, message: Mapping[str, Any]) -> None:
        """Raises Failed when the other side is gone."""
        try:
            self._writer.write(json.dumps(message).encode() + b"\n")
            await self._writer.drain()
        except ConnectionError as error:
            raise Failed("the child closed its channel", "see its log") from error

    async def receive(self) -> Message | None:
        """The next message; None when the other side is gone or talks rubbish."""
        torn, self._torn = self._torn, False
        try:
            line = await self._reader.readline()
            message = json.loads(line) if line else None
        except (ValueError, ConnectionError, RecursionError):
            # An over-long line raises ValueError too.
            return await self.receive() if torn else None
        return message if isinstance(message, dict) and _shallow(message) else None

    async def until(self, wanted: Callable[[Message], bool], seconds: float) -> Message | None:
        """The first message that is wanted; None when the channel ends or time runs out."""
        try:
            async with asyncio.timeout(seconds):
                while (message := await self.receive()) is not None:
                    if wanted(message):
                        return message
        except TimeoutError:
            return None
        return None

    def close(self) -> None:
        self._writer.close()


def _shallow(message: Message) -> bool:
    level: list[Any] = [message]
    for _ in range(DEPTH_MAX):
        within = (one.values() if isinstance(one, dict) else one for one in level)
        level = [one for values in within for one in values if isinstance(one, dict | list)]
        if not level:
            return True
    return False
