"""Constant load on one URL: new connections, kept ones, and streams, each loss counted by kind.

Open loop: a request is due when it is due, whatever became of the one before; so a
pause of the server shows as waiting, not as fewer requests. Beside them some streams
are always open; each must come to its own last word.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import urlsplit

ANSWER_SECONDS = 15.0
STREAM_SECONDS = 60.0
STREAM_END_BYTES = 256
WAIT_SECONDS = 60.0
KEPT_MAX = 64
HEAD_BYTES_MAX = 65536


class Refused(Exception):
    """The connection was refused: the port was closed."""


class Cut(Exception):
    """The connection ended before the whole answer was there."""


@dataclass(frozen=True)
class Streams:
    """Streams kept open: GET, or POST where there is a body; `last` ends a whole one."""

    path: str
    at_once: int
    body: bytes | None = None
    last: bytes = b"data: [DONE]"


@dataclass
class Load:
    """Runs while inside; half the requests on new connections, half on kept ones."""

    url: str
    per_second: int
    streams: Streams | None = None
    hear: Callable[[bytes], None] | None = None  # each whole answer's body
    answered: int = 0
    streamed: int = 0
    failed: int = 0
    refused: int = 0
    cut: int = 0
    waits_ms: list[float] = field(default_factory=list)
    longest_gap_ms: float = 0.0  # between one answer and the next
    faults: Counter[str] = field(default_factory=Counter)

    def __enter__(self) -> Self:
        parts = urlsplit(self.url)
        self._host, self._port, self._path = str(parts.hostname), int(parts.port or 80), parts.path
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._stop = threading.Event()
        self._progress = threading.Condition()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def wait_for(self, more: int) -> None:
        """Until so many more requests ended, well or badly."""
        with self._progress:
            wanted = self._ended() + more
            assert self._progress.wait_for(lambda: self._ended() >= wanted, WAIT_SECONDS)

    def _ended(self) -> int:
        return self.answered + self.failed + self.refused + self.cut

    def quantile(self, share: float) -> float:
        """Of the waits, in ms, each counted from when its request was due."""
        ordered = sorted(self.waits_ms)
        return ordered[int(share * (len(ordered) - 1))]

    async def _run(self) -> None:
        began, number = time.monotonic(), 0
        self._last = began
        at_once = self.streams.at_once if self.streams else 0
        tasks = {asyncio.create_task(self._keep_streaming()) for _ in range(at_once)}
        while not self._stop.is_set():
            due = began + number / self.per_second
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            task = asyncio.create_task(self._one(due, kept=number % 2 == 1))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            number += 1
        await asyncio.gather(*tasks)
        for _, writer in self._idle:
            writer.close()

    async def _one(self, due: float, kept: bool) -> None:
        if await self._counted(self._ask(kept), ANSWER_SECONDS):
            self.answered += 1
            now = time.monotonic()
            self.longest_gap_ms = max(self.longest_gap_ms, (now - self._last) * 1000)
            self._last = now
        self.waits_ms.append((time.monotonic() - due) * 1000)
        with self._progress:
            self._progress.notify_all()

    async def _keep_streaming(self) -> None:
        while not self._stop.is_set():
            if not await self._counted(self._stream(), STREAM_SECONDS):
                return  # told by the counts; a closed port must not make a busy loop
            self.streamed += 1

    async def _counted(self, asking: Coroutine[Any, Any, None], seconds: float) -> bool:
        """Whether it went well; if not, it is counted by its kind."""
        try:
            async with asyncio.timeout(seconds):
                await asking
        except Refused:
            self.refused += 1
        except Cut as cut:
            self.cut += 1
            self.faults[str(cut)] += 1
        except (OSError, TimeoutError, ValueError) as error:
            self.failed += 1
            self.faults[f"{type(error).__name__}: {error}"] += 1
        else:
            return True
        return False

    async def _stream(self) -> None:
        assert self.streams is not None
        body, reader, writer = self.streams.body, *await self._connect()
        verb = f"GET {self.streams.path}" if body is None else f"POST {self.streams.path}"
        size = f"content-length: {len(body)}\r\n" if body else ""
        head = f"{verb} HTTP/1.1\r\nhost: {self._host}\r\nconnection: close\r\n{size}\r\n"
        try:
            writer.write(head.encode() + (body or b""))
            said = await reader.readuntil(b"\r\n\r\n")
            if not said.lower().startswith(b"http/1.1 200"):
                raise ValueError(said.split(b"\r\n")[0].decode())
            end = b""
            while piece := await reader.read(HEAD_BYTES_MAX):
                end = (end + piece)[-STREAM_END_BYTES:]
            if self.streams.last not in end:
                raise Cut("a stream ended early")
        except (ConnectionError, asyncio.IncompleteReadError) as error:
            raise Cut(f"a stream: {type(error).__name__}") from error
        finally:
            writer.close()

    async def _ask(self, kept: bool) -> None:
        reader, writer = (self._kept() if kept else None) or await self._connect()
        keep = False
        try:
            close = "" if kept else "connection: close\r\n"
            writer.write(f"GET {self._path} HTTP/1.1\r\nhost: {self._host}\r\n{close}\r\n".encode())
            await writer.drain()
            body, may_keep = await _answer(reader)
            keep = may_keep and kept and len(self._idle) < KEPT_MAX
            if self.hear is not None:
                self.hear(body)
        except ConnectionError as error:
            raise Cut(f"{type(error).__name__} (kept: {kept})") from error
        finally:
            if keep:
                self._idle.append((reader, writer))
            else:
                writer.close()

    def _kept(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        """One that the server did not close meanwhile, as it may when nothing is asked on it."""
        while self._idle:
            reader, writer = self._idle.pop()
            if not reader.at_eof():
                return reader, writer
            writer.close()
        return None

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        try:
            return await asyncio.open_connection(self._host, self._port, limit=HEAD_BYTES_MAX)
        except ConnectionRefusedError as error:
            raise Refused from error


async def _answer(reader: asyncio.StreamReader) -> tuple[bytes, bool]:
    """The body of one whole 200, and whether the connection may be kept."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        if not head.startswith((b"http/1.1 200", b"http/1.0 200")):
            raise ValueError(head.split(b"\r\n")[0].decode())
        size = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
        body = await reader.readexactly(size)
    except asyncio.IncompleteReadError as error:
        raise Cut("ended early") from error
    return body, b"connection: close" not in head and head.startswith(b"http/1.1")
