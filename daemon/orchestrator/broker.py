"""HTTP/1.1 to the broker's socket, on the parser that uvicorn uses: connections are kept.

A general client costs more per call here than all the rest of a request, and a tenth of a
second of every start; one server on one unix socket needs little of it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import httptools

IDLE_SECONDS = 180.0
CONNECT_SECONDS = 3.0
KEPT_MAX = 32
CONNECTIONS_MAX = 128
HELD_BYTES_MAX = 2**20  # read ahead of a slow reader


class Broken(Exception):
    """The broker is not there, or went away before its answer was whole."""


class _Wire(asyncio.Protocol):
    """One connection; one answer at a time."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.lost = False
        self.reading = True
        self.begin()

    def begin(self) -> None:
        self.parser = httptools.HttpResponseParser(self)
        self.status = 0
        self.kind = "application/json"
        self.retry_after: str | None = None
        self.pieces: deque[bytes] = deque()
        self.held = 0
        self.headed = self.whole = self.stays = False
        self.changed = asyncio.Event()

    # asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self.close()
        if self.held > HELD_BYTES_MAX and self.reading and self.transport is not None:
            self.reading = False
            self.transport.pause_reading()
        self.changed.set()

    def connection_lost(self, _: Exception | None) -> None:
        self.lost = True
        self.changed.set()

    # The parser's side

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"content-type":
            self.kind = value.decode("latin-1")
        elif name.lower() == b"retry-after":
            self.retry_after = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self.status = self.parser.get_status_code()
        self.headed = True

    def on_body(self, data: bytes) -> None:
        self.pieces.append(data)
        self.held += len(data)

    def on_message_complete(self) -> None:
        self.whole = True
        self.stays = self.parser.should_keep_alive()  # it knows only while it is told of the end

    def close(self) -> None:
        self.lost = True
        if self.transport is not None:
            self.transport.abort()

    async def wait(self) -> None:
        """Until something came. Raises Broken when nothing comes for too long."""
        self.changed.clear()
        try:
            async with asyncio.timeout(IDLE_SECONDS):
                await self.changed.wait()
        except TimeoutError as error:
            self.close()
            raise Broken("it is silent") from error

    def taken(self) -> bytes:
        data = b"".join(self.pieces)
        self.pieces.clear()
        self.held = 0
        if not self.reading and self.transport is not None:
            self.reading = True
            self.transport.resume_reading()
        return data


@dataclass
class Reply:
    """The head of an answer; its body comes piece by piece."""

    broker: Broker
    wire: _Wire

    @property
    def status(self) -> int:
        return self.wire.status

    @property
    def kind(self) -> str:
        return self.wire.kind

    @property
    def retry_after(self) -> str | None:
        """What a refusal says of when to ask again."""
        return self.wire.retry_after

    async def pieces(self) -> AsyncIterator[bytes]:
        """What came since the last one. Raises Broken when it ends too early."""
        wire = self.wire
        while True:
            if data := wire.taken():
                yield data
            elif wire.whole:
                return
            elif wire.lost:
                raise Broken("it broke off")
            else:
                await wire.wait()

    async def body(self) -> bytes:
        return b"".join([piece async for piece in self.pieces()])

    def close(self) -> None:
        """The connection is kept if its answer was read to the end, else the broker is told."""
        self.broker.release(self.wire)


@dataclass
class Broker:
    """The connections to one socket."""

    path: str
    kept: list[_Wire] = field(default_factory=list)
    places: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(CONNECTIONS_MAX))

    async def send(self, method: str, path: str, body: bytes = b"") -> Reply:
        """The head of the answer. Raises Broken; whoever is cancelled frees the broker."""
        head = f"{method} {path} HTTP/1.1\r\nhost: broker\r\ncontent-type: application/json\r\n"
        raw = f"{head}content-length: {len(body)}\r\n\r\n".encode() + body
        await self.places.acquire()
        wire: _Wire | None = None
        try:
            while self.kept:
                wire = self.kept.pop()
                wire.begin()
                if await _headed(wire, raw):
                    return Reply(self, wire)
                # It was closed while it was idle: nothing of this call was read there.
            wire = await self._made()
            if not await _headed(wire, raw):
                raise Broken("it broke off")
        except BaseException:
            self._drop(wire)
            raise
        return Reply(self, wire)

    async def _made(self) -> _Wire:
        try:
            loop = asyncio.get_running_loop()
            async with asyncio.timeout(CONNECT_SECONDS):
                _, made = await loop.create_unix_connection(_Wire, self.path)
        except (OSError, TimeoutError) as error:
            raise Broken("it does not answer") from error
        return made

    def _drop(self, wire: _Wire | None) -> None:
        if wire is not None:
            wire.close()
        self.places.release()

    def release(self, wire: _Wire) -> None:
        good = wire.whole and wire.stays and not wire.lost
        if good and not wire.pieces and len(self.kept) < KEPT_MAX:
            self.kept.append(wire)
            self.places.release()
        else:
            self._drop(wire)

    def close(self) -> None:
        for wire in self.kept:
            wire.close()
        self.kept.clear()


async def _headed(wire: _Wire, raw: bytes) -> bool:
    """Whether the head of an answer came; False when the connection was lost before."""
    if wire.lost or wire.transport is None:
        return False
    wire.transport.write(raw)
    while not wire.headed:
        if wire.lost:
            return False
        await wire.wait()
    return True
