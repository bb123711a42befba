"""One connection of :7001, bounded: how long its head may be and take, how long it may not read."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES_MAX = 2**16
HEADERS_MAX = 128
HEAD_SECONDS = 20.0
STUCK_SECONDS = 60.0  # a reader that takes nothing for so long is cut off
SAID = "the head of this request is too large"
REFUSED = (
    b"HTTP/1.1 %s\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: %d\r\n"
    b"connection: close\r\n\r\n%s"
)


class TooLarge(Exception):
    """Ends the parser's work; the client is told."""


class Wire(HttpToolsProtocol):
    """`idle` holds the connections between requests, oldest first; they make room for new ones."""

    def __init__(self, idle: dict[Wire, None], connections_max: int, **uvicorns: Any) -> None:
        super().__init__(**uvicorns)
        self._idle = idle
        self._connections_max = connections_max
        self._head_bytes = self._headers = 0
        self._late: asyncio.TimerHandle | None = None
        self._stuck: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self._connections_max and self._idle:
            oldest = next(iter(self._idle))
            oldest._head_is_there()  # so that the next one takes another
            oldest.transport.abort()
        elif len(self.connections) > self._connections_max:
            self._refuse(b"503 Service Unavailable", "too many connections")
            return
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_is_there()
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._late is not None:  # still in the head
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES_MAX and not self.transport.is_closing():
                self._refuse(b"431 Request Header Fields Too Large", SAID)

    def send_400_response(self, msg: str) -> None:
        if self._head_bytes > HEAD_BYTES_MAX or self._headers > HEADERS_MAX:
            self._refuse(b"431 Request Header Fields Too Large", SAID)
        else:
            super().send_400_response(msg)

    def _refuse(self, status: bytes, said: str) -> None:
        self._head_is_there()
        self.transport.write(REFUSED % (status, len(said), said.encode()))
        self.transport.close()

    # The head of a request

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._wait_for_head()

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers += 1
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._head_is_there()
        self._head_bytes = self._headers = 0
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self.transport.is_closing():
            self._idle[self] = None

    def _count(self, more: int) -> None:
        self._head_bytes += more
        if self._head_bytes > HEAD_BYTES_MAX or self._headers > HEADERS_MAX:
            raise TooLarge

    def _wait_for_head(self) -> None:
        self._idle[self] = None
        if self._late is None:
            self._late = self.loop.call_later(HEAD_SECONDS, self.transport.abort)

    def _head_is_there(self) -> None:
        self._idle.pop(self, None)
        if self._late is not None:
            self._late.cancel()
            self._late = None

    # A reader that does not read

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stuck = self.loop.call_later(STUCK_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._stuck is not None:
            self._stuck.cancel()
            self._stuck = None
