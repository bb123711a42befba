"""The two slots: which process serves :7001, which one :7002, and how they change hands."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from daemon.core.events import Kind
from daemon.core.release import Release
from daemon.supervisor.broker import Door
from daemon.supervisor.custody import Custody
from daemon.supervisor.runnable import build
from daemon.supervisor.serving import SERVING, Serving
from daemon.supervisor.starting import Order, start
from daemon.supervisor.world import World
from ops.errors import Failed, Trouble

EMPTY = b'{"status":"empty","slot":"candidate"}\n'
EMPTY_ANSWER = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\n"
    b"content-length: " + str(len(EMPTY)).encode() + b"\r\nconnection: close\r\n\r\n" + EMPTY
)
EMPTY_SECONDS = 2.0
RESTART_PAUSE_FIRST_SECONDS = 0.05
RESTART_PAUSE_MAX_SECONDS = 30.0
STEADY_SECONDS = 60.0


@dataclass
class Slots:
    """Owns both listening sockets for as long as the supervisor lives."""

    world: World
    current_socket: socket.socket
    candidate_socket: socket.socket
    custody: Custody
    doors: dict[str, Door] = field(default_factory=dict)
    current: Serving | None = None
    former: Serving | None = None
    candidate: Serving | None = None
    switching: bool = False  # two may accept just now
    fallen: Callable[[Serving], bool] = lambda _: False  # may claim a crash of current
    _watch: asyncio.Task[None] | None = None
    _empty: asyncio.Server | None = None

    # :7001

    async def prepare(self, release: Release, tag: str | None) -> Serving:
        """A process for :7001 that is ready but does not accept yet."""
        listener, door = self.current_socket, self.doors["current"]
        order = Order(release, "current", tag, listener, door, standby=True, lasting=True)
        return (await start(self.world, order)).keep_with(self.custody)

    async def adopt(self, commit: str, former: str | None) -> bool:
        """Take over what an earlier supervisor left; whether `commit` serves by that.

        What serves is told to accept before any other is told to drain, as in a switch.
        """
        left = [one for one in self.custody.kept.values() if one.record["what"] == SERVING]
        found = [await Serving.adopt(self.custody, one) for one in left]
        current = await self._first(found, commit, "accept")
        if current is not None:
            self._serve_with(current)
        rest = [one for one in found if one is not current]
        warm = await self._first(rest, former, "drain") if current is not None else None
        for one in rest:
            if one is not warm:
                await one.stop()
        self.former = warm
        return current is not None

    async def _first(self, found: list[Serving], commit: str | None, then: str) -> Serving | None:
        """The newest one of `commit` that does as it is told."""
        for serving in sorted(found, key=lambda one: -one.started):
            if serving.release.commit == commit and serving.alive:
                with contextlib.suppress(Failed):  # it does not answer: it is ended with the rest
                    await serving.ask(then)
                    return serving
        return None

    async def switch(self, new: Serving) -> None:
        """`new` accepts, then the one that served drains and stays warm as former."""
        if self.current is new:
            return
        self.switching = True
        try:
            await self._hand_over(new)
        finally:
            self.switching = False
        self._tell("current", "serving")

    async def _hand_over(self, new: Serving) -> None:
        await _accepting(new)
        old = self.current  # asked only now: it may just have been started again
        self._serve_with(new)
        if old is None:
            return
        if self.former is not None and self.former is not new:
            await self.former.stop()
        self.former = old
        if old.alive:
            try:
                await old.ask("drain")
            except Failed:
                # It cannot be told to let go, so it must not go on accepting.
                await old.stop()
        if old.channel is None:
            await old.stop()

    def _serve_with(self, serving: Serving) -> None:
        self.current = serving
        if self._watch is not None:
            self._watch.cancel()
        self._watch = asyncio.create_task(self._keep(serving))

    async def _keep(self, serving: Serving) -> None:
        """When the current process dies, start it again; the socket's backlog holds its callers."""
        pause = RESTART_PAUSE_FIRST_SECONDS
        while True:
            code = await serving.ended()
            serving.end()  # what it walled in may live on, and would go on accepting
            self.world.tell(Kind.SLOT, slot="current", state="ended", code=code)
            if self.fallen(serving):
                return
            if self.world.clock() - serving.started > STEADY_SECONDS:
                pause = RESTART_PAUSE_FIRST_SECONDS
            await asyncio.sleep(pause)
            pause = min(pause * 2, RESTART_PAUSE_MAX_SECONDS)
            try:
                release = await build(self.world, serving.release.commit)  # it may have gone
                fresh = await _accepting(await self.prepare(release, serving.tag))
            except Trouble as trouble:
                self.world.tell(Kind.NOTICE, text=f"current did not start again: {trouble}")
                continue
            self.current = serving = fresh
            self._tell("current", "serving")

    async def let_go(self) -> None:
        """End current for good, for one that must have the socket to itself: callers wait."""
        if self._watch is not None:
            self._watch.cancel()  # its end is meant: it must not be started again
        if self.current is not None:
            await self.current.stop()

    async def retire_former(self) -> None:
        former, self.former = self.former, None
        if former is not None:
            await former.stop()

    def warm(self, commit: str) -> Serving | None:
        """A live process of `commit` that can serve :7001 at once."""
        for serving in (self.current, self.former):
            if serving is not None and serving.alive and serving.release.commit == commit:
                return serving if serving.channel is not None or serving is self.current else None
        return None

    # :7002

    async def serve_candidate(self, release: Release, door: Door) -> Serving:
        await self.stop_answering_empty()
        order = Order(release, "candidate", None, self.candidate_socket, door)
        try:
            self.candidate = await start(self.world, order)
            await self.candidate.ask("accept")  # another repo's service waits for the word
        except Trouble:
            await self.answer_empty()
            raise
        self._tell("candidate", "serving")
        return self.candidate

    async def drop_candidate(self) -> None:
        serving, self.candidate = self.candidate, None
        if serving is not None:
            await serving.stop()
            self._tell("candidate", "empty")
        await self.answer_empty()

    async def answer_empty(self) -> None:
        """While nothing is judged, :7002 says so instead of leaving callers waiting."""
        if self._empty is None:
            self._empty = await asyncio.start_server(_say_empty, sock=self.candidate_socket.dup())

    async def stop_answering_empty(self) -> None:
        empty, self._empty = self._empty, None
        if empty is not None:
            empty.close()
            await empty.wait_closed()

    # Both

    async def leave(self) -> None:
        """Go, and let what serves :7001 live on for the next supervisor."""
        if self._watch is not None:
            self._watch.cancel()
        await self.drop_candidate()
        await self.stop_answering_empty()

    async def stop(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
        await self.stop_answering_empty()
        alive = [one for one in (self.current, self.former, self.candidate) if one is not None]
        await asyncio.gather(*(one.stop() for one in alive))

    def _tell(self, slot: str, state: str) -> None:
        serving = self.current if slot == "current" else self.candidate
        commit = serving.release.commit if serving else None
        self.world.tell(Kind.SLOT, slot=slot, state=state, commit=commit)

    def release(self) -> Release | None:
        """The one that serves :7001."""
        return self.current.release if self.current is not None else None

    def view(self, name: str) -> dict[str, Any]:
        """One slot as `status` shows it."""
        serving = self.current if name == "current" else self.candidate
        held = self.current_socket if name == "current" else self.candidate_socket
        alive = serving is not None and serving.alive
        return {
            "port": held.getsockname()[1],
            "state": "serving" if alive else "empty" if serving is None else "restarting",
            "commit": serving.release.commit if serving else None,
            "tag": serving.tag if serving else None,
            "pid": serving.pid if serving else None,
        }


async def _accepting(serving: Serving) -> Serving:
    """It serves from now on; one that does not, or is no longer wanted by then, is ended."""
    try:
        await serving.ask("accept")
    except BaseException:
        serving.end()  # nobody holds it but the caller, who goes
        raise
    return serving


async def _say_empty(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        async with asyncio.timeout(EMPTY_SECONDS):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(EMPTY_ANSWER)
            await writer.drain()
    except (TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
        pass  # nothing is served here and nothing was promised
    finally:
        writer.close()
