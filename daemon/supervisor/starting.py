"""Start one release on a listening socket, and wait until its own code is there."""

from __future__ import annotations

import asyncio
import os
import socket
from dataclasses import dataclass, replace

import httpx

from daemon.core.release import Release
from daemon.state.settings import Serve
from daemon.supervisor.broker import Door, boot_argv, log_file
from daemon.supervisor.channel import Channel
from daemon.supervisor.runnable import limits_of
from daemon.supervisor.serving import ANSWER_SECONDS, Serving, Unready
from daemon.supervisor.world import World
from fitness.hidden import without_answers
from ops import doors
from ops.cell import SYSTEM_MOUNTS, Cell, Mount, python_mounts
from ops.cell import start as start_cell

POLL_SECONDS = 0.05
CURRENT_FD, CONTROL_FD = 3, 4


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


def _command(release: Release, slot: str, tag: str | None, standby: bool) -> tuple[str, ...]:
    flags = ["--slot", slot]
    flags += ["--tag", tag] if tag else []
    flags += ["--standby"] if standby else []
    return tuple(boot_argv(release, "daemon.orchestrator", *flags))


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
