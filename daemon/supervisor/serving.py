"""One process that serves one release on a listening socket, and what it says of itself."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import secrets
import signal
import socket
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import httpx

from daemon.core.release import Release
from daemon.state.settings import Serve
from daemon.supervisor.broker import Door, boot_argv, log_file
from daemon.supervisor.channel import Channel
from daemon.supervisor.custody import Custody, Kept
from daemon.supervisor.runnable import limits_of
from daemon.supervisor.world import World
from fitness.hidden import without_answers
from ops import doors
from ops.cell import SYSTEM_MOUNTS, Cell, Mount, python_mounts
from ops.cell import start as start_cell
from ops.errors import Failed
from ops.faults import around
from ops.processes import Child

ANSWER_SECONDS = 5.0
KEY_BYTES = 6
SERVING = "serving"
POLL_SECONDS = 0.05
DRAIN_SECONDS = 10.0  # of one that an earlier org started, and said nothing of it
CURRENT_FD, CONTROL_FD = 3, 4

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
        """Let it finish what it has, for `seconds` or what the settings say; then end it whole."""
        most = self.drain_seconds if seconds is None else seconds
        try:
            if self.alive:
                with contextlib.suppress(ProcessLookupError):  # it ended meanwhile: as wanted
                    os.kill(self.pid, signal.SIGTERM)
                with contextlib.suppress(TimeoutError):  # its time is up: the kill below ends it
                    async with asyncio.timeout(most):
                        await self.ended()
        finally:  # also when nobody waits for it any more
            self.end()

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


def _command(release: Release, slot: str, tag: str | None, standby: bool) -> tuple[str, ...]:
    flags = ["--slot", slot]
    flags += ["--tag", tag] if tag else []
    flags += ["--standby"] if standby else []
    return tuple(boot_argv(release, "daemon.orchestrator", *flags))


@dataclass(frozen=True)
class Order:
    """What to start: `listener` is dup'ed into the child as descriptor 3.

    One that is `lasting` outlives the supervisor; it ends by itself when its line breaks.
    """

    release: Release
    slot: str
    tag: str | None
    listener: socket.socket
    door: Door
    standby: bool = False
    lasting: bool = False


async def start(world: World, order: Order) -> Serving:
    """Start it and wait until it is ready and has loaded the right commit. Raises Failed.

    One that is not ready, or that its caller no longer waits for, is ended whole.
    """
    release, web = order.release, world.settings.web
    serve = Serve(control=True, drain_seconds=web.drain_seconds)
    command = _command(release, order.slot, order.tag, order.standby)
    if world.instance.kind == "repo":
        serve = world.repo_settings(release.commit).serve
        order, command = replace(order, lasting=order.lasting and serve.control), serve.command
    mounts = (Mount(release.root, release.root), *python_mounts(release.python))
    serving = await _launch(world, order, command, mounts, str(release.root))
    serving.drain_seconds = serve.drain_seconds
    try:
        if serve.control:
            return await _confirmed(serving, serve.start_seconds)
        return await _answering(serving, order, serve)
    except BaseException:
        serving.end()
        raise


async def _launch(
    world: World, order: Order, command: tuple[str, ...], mounts: tuple[Mount, ...], directory: str
) -> Serving:
    channel, theirs = await Channel.pair()
    log = log_file(world, order.slot)
    cell = Cell(
        argv=command,
        mounts=(
            *SYSTEM_MOUNTS,
            *without_answers(mounts, world.layout.run / "empty"),
            Mount(order.door.directory, doors.INSIDE),
        ),
        directory=directory,
        environment=_ways_out(world, order),
        limits=limits_of(world.settings),
        fds={CURRENT_FD: order.listener.fileno(), CONTROL_FD: theirs.fileno()},
        backend=world.settings.cells.backend,
        bound=not order.lasting,
        serves=True,
    )
    try:
        child = start_cell(cell, log, log)
    finally:
        os.close(log)
        theirs.close()
    return Serving(order.release, order.slot, order.tag, child, channel, world.clock())


def _ways_out(world: World, order: Order) -> dict[str, str]:
    """The broker for all; what the supervisor knows only for org's own program on :7001."""
    walled = world.settings.cells.backend != "none"
    room = doors.INSIDE if walled else order.door.directory
    ways = {"ORG_BROKER": str(room / doors.BROKER)}
    if world.instance.kind != "org":
        return ways
    ways["ORG_WEB"] = world.settings.web.model_dump_json()
    if order.slot == "current":
        ways["ORG_FACTS"] = str(room / doors.FACTS)
    return ways


async def _confirmed(serving: Serving, limit: float) -> Serving:
    """Ready within `limit` seconds, and running exactly the commit that was meant."""
    channel, wanted = serving.channel, serving.release.commit
    said = await channel.until(lambda line: "ready" in line, limit) if channel else None
    ready = said["ready"] if said else None
    if isinstance(ready, dict) and ready.get("commit") == wanted:
        if channel is not None:
            await channel.send({"do": "hello", "pid": serving.pid})
        return serving
    code = serving.child.poll()
    if said is not None:
        raise Unready(f"the process of {wanted[:12]} loaded another commit", "see its log")
    how = f"ended with {code}" if code is not None else f"was not ready within {limit:g} s"
    raise Unready(f"the process of {wanted[:12]} {how}", f"see: orgctl logs {serving.slot}")


async def _answering(serving: Serving, order: Order, serve: Serve) -> Serving:
    """A service of another repo that takes no orders: ready when its health path answers 200."""
    if serving.channel is not None:
        serving.channel.close()
        serving.channel = None
    host, port = order.listener.getsockname()[:2]
    url = f"http://{host}:{port}{serve.health}"
    try:
        async with asyncio.timeout(serve.start_seconds):
            while serving.alive and not await healthy(url):
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError:
        pass  # told below, with the reason
    if not serving.alive or not await healthy(url):
        code = serving.child.poll()
        raise Unready(
            f"the service of {serving.release.commit[:12]} did not answer {serve.health} with 200"
            f" (it {'ended with ' + str(code) if code is not None else 'runs'})",
            f"see: orgctl logs {order.slot}",
        )
    return serving


async def healthy(url: str) -> bool:
    """One GET answered 200 within the limit."""
    try:
        async with httpx.AsyncClient(timeout=ANSWER_SECONDS, trust_env=False) as client:
            return (await client.get(url)).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False
