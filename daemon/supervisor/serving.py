"""One process that serves one release on a listening socket, and what it says of itself."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import secrets
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from daemon.core.release import Release
from daemon.supervisor.channel import Channel
from daemon.supervisor.custody import Custody, Kept
from ops.errors import Failed
from ops.faults import around
from ops.processes import Child

ANSWER_SECONDS = 5.0
KEY_BYTES = 6
SERVING = "serving"
DEAF = 1.0  # seconds for one that does not seem to hear that it is to end
DRAIN_SECONDS = 10.0  # of one that an earlier org started, and said nothing of it

_numbers = itertools.count(int(time.time() * 1000))  # never those of an earlier supervisor


class Unready(Failed):
    """It was started, and its own code did not come up or do as it was told."""


@dataclass
class Serving:
    """A live process; `channel` is None for services that only take the socket."""

    release: Release
    slot: str
    tag: str | None
    child: Child
    channel: Channel | None
    started: float
    key: str = field(default_factory=lambda: secrets.token_hex(KEY_BYTES))
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)
    custody: Custody | None = None
    drain_seconds: float = DRAIN_SECONDS

    @property
    def alive(self) -> bool:
        return self.child.poll() is None

    @property
    def pid(self) -> int:
        """Of the process itself, as the machine knows it, not of the walls around it."""
        return self.child.inner or self.child.pid

    async def ask(self, what: str) -> dict[str, Any]:
        """Tell it to accept, drain, stop or give stats, and wait for its word. Raises Failed."""
        if self.channel is None:
            return {}
        number = next(_numbers)
        effect = contextlib.nullcontext() if what == "stats" else around(f"serving.{what}")
        async with self.asking:
            with effect:
                await self.channel.send({"do": what, "id": number})
                answer = await self.channel.until(
                    # One that was asked by an earlier supervisor is not the answer to this.
                    lambda said: said.get("did") == what and said.get("id", number) == number,
                    ANSWER_SECONDS,
                )
        if answer is None:
            raise Unready(
                f"the process of {self.release.commit[:12]} did not {what}", "see its log"
            )
        return answer

    async def ended(self) -> int:
        """Wait for its end; the code is negative for a signal."""
        loop = asyncio.get_running_loop()
        over: asyncio.Future[None] = loop.create_future()
        descriptor = os.dup(self.child.fileno())
        loop.add_reader(descriptor, _finish, over)
        try:
            await over
        finally:
            loop.remove_reader(descriptor)
            os.close(descriptor)
        return self.child.poll() or 0

    async def stop(self, seconds: float | None = None) -> None:
        """Let it finish what it has, for `seconds` or what the settings say; then end it whole.

        Whoever seems deaf has little time: it would go on accepting all the while.
        """
        most = self.drain_seconds if seconds is None else seconds
        try:
            if self.alive:
                with contextlib.suppress(TimeoutError):  # its time is up: the kill below ends it
                    async with asyncio.timeout(most if await self._told() else min(most, DEAF)):
                        await self.ended()
        finally:  # also when nobody waits for it any more
            self.end()

    async def _told(self) -> bool:
        """To stop: by SIGTERM, and where that is not handled by the channel's word. Who neither
        handles it nor has a channel may still wait for it in a way that does not show."""
        heard = _heeds(self.pid, signal.SIGTERM)
        with contextlib.suppress(ProcessLookupError):  # it ended meanwhile: as wanted
            os.kill(self.pid, signal.SIGTERM)
        if heard or self.channel is None:
            return heard
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self.channel.send({"do": "stop", "id": next(_numbers)})
        except (Failed, TimeoutError):  # it does not listen there either
            return False
        return True

    def end(self) -> None:
        """Nothing of it is left, nor of what it walled in."""
        self.child.kill()
        if self.custody is not None:
            self.custody.drop(self.key)
        if self.channel is not None:
            self.channel.close()

    def keep_with(self, custody: Custody) -> Self:
        """It outlives this supervisor, if it can be talked to; whoever cannot be kept is ended."""
        if self.channel is not None:
            try:
                custody.keep(self.key, self._record(), self.child, self.channel)
            except BaseException:
                self.end()
                raise
            self.custody = custody
        return self

    def _record(self) -> dict[str, Any]:
        """What a later supervisor must know of it to go on."""
        return {
            "what": SERVING,
            "commit": self.release.commit,
            "root": str(self.release.root),
            "python": str(self.release.python),
            "slot": self.slot,
            "tag": self.tag,
            "started": self.started,
            "drain_seconds": self.drain_seconds,
        }

    @classmethod
    async def adopt(cls, custody: Custody, kept: Kept) -> Self:
        """One that an earlier supervisor started."""
        said = kept.record
        release = Release(said["commit"], Path(said["root"]), Path(said["python"]))
        channel = await kept.channel()
        found = cls(release, said["slot"], said["tag"], kept.child, channel, said["started"])
        found.key, found.custody = kept.key, custody
        found.drain_seconds = float(said.get("drain_seconds", DRAIN_SECONDS))
        return found


def _finish(over: asyncio.Future[None]) -> None:
    if not over.done():
        over.set_result(None)


def _heeds(pid: int, number: int) -> bool:
    """Whether it handles this signal, or holds it back to look for it; False when it has ended.

    The kernel keeps any other signal from the first process of a cell: such a one never learns
    that it was asked (pid_namespaces(7); the masks: proc(5)). Only one that is inside of sigwait
    at this moment shows neither, and hears it all the same.
    """
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return False
    masks = (line.split()[1] for line in lines if line.startswith(("SigBlk:", "SigCgt:")))
    return any(int(mask, 16) >> (number - 1) & 1 for mask in masks)
