"""One speaker at a time: a queue that is fair, and from which the kernel removes who crashed.

Who wants the channel takes a number by listening on a socket of that name, and waits until
every lower number is gone. A socket ends with its process, so nobody waits for the dead.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import re
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ops.errors import Exit, Refused
from ops.sockets import short_path

TIMEOUT_SECONDS = 10.0
WAITING_MAX = 128  # behind one ticket
NAME_CHARS_MAX = 32
TICKET = re.compile(r"(?P<number>\d{12})-(?P<pid>\d+)-(?P<who>[\w-]*)")
QUEUE = "queue"


class ChannelLock:
    """`async with lock.hold(timeout=10)`; `folder` is shared by all who use the channel."""

    def __init__(self, folder: Path, name: str = "the channel") -> None:
        self._folder = folder
        self._name = name
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    @asynccontextmanager
    async def hold(self, timeout: float = TIMEOUT_SECONDS, who: str = "") -> AsyncIterator[None]:
        """Alone in the channel while inside, in the order of asking. Raises Refused (busy)."""
        ticket = _Ticket.take(self._folder, who)
        try:
            async with asyncio.timeout(timeout):
                while (before := _before(self._folder, ticket.number)) is not None:
                    await _gone(before)
        except TimeoutError as error:
            ticket.leave()
            raise self._busy(ticket.number, timeout) from error
        except BaseException:
            ticket.leave()
            raise
        try:
            yield
        finally:
            ticket.leave()

    def _busy(self, number: int, seconds: float) -> Refused:
        before = [path for path in _tickets(self._folder) if _number(path) < number]
        if not before:
            return Refused(f"{self._name} was busy for {seconds:g} s", "try again", Exit.BUSY)
        found = TICKET.fullmatch(before[0].name)
        who = f"{found['who'] or 'somebody'} (pid {found['pid']})" if found else "somebody"
        text = f"{self._name} is held by {who}; waited {seconds:g} s"
        more = f"{len(before) - 1} more wait before you" if len(before) > 1 else "try again"
        return Refused(text, more, Exit.BUSY)


@dataclass
class _Ticket:
    """A place in the queue; it is given up by closing the socket."""

    number: int
    path: Path
    bound: socket.socket

    @classmethod
    def take(cls, folder: Path, who: str) -> _Ticket:
        with _queue(folder):
            number = max((_number(path) for path in _tickets(folder)), default=0) + 1
            plain = re.sub(r"[^\w-]", "_", who, flags=re.ASCII)[:NAME_CHARS_MAX]
            path = folder / f"{number:012d}-{os.getpid()}-{plain}"
            bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            with short_path(path) as name:
                bound.bind(name)
            bound.listen(WAITING_MAX)
        return cls(number, path, bound)

    def leave(self) -> None:
        self.path.unlink(missing_ok=True)
        self.bound.close()


@contextmanager
def _queue(folder: Path) -> Iterator[None]:
    """Numbers are given to one at a time; it takes as long as making a socket."""
    descriptor = os.open(folder / QUEUE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _tickets(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if TICKET.fullmatch(path.name))


def _number(path: Path) -> int:
    return int(path.name.split("-", 1)[0])


def _before(folder: Path, number: int) -> socket.socket | None:
    """A line to the nearest living one before `number`; the dead are swept on the way."""
    for path in reversed([one for one in _tickets(folder) if _number(one) < number]):
        line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        line.setblocking(False)
        try:
            with short_path(path) as name:
                line.connect(name)
        except (ConnectionRefusedError, FileNotFoundError):
            line.close()
            path.unlink(missing_ok=True)
        except BaseException:
            line.close()
            raise
        else:
            return line
    return None


async def _gone(line: socket.socket) -> None:
    """Until the other side closes, by will or by death."""
    try:
        with suppress(ConnectionError):
            await asyncio.get_running_loop().sock_recv(line, 1)
    finally:
        line.close()
