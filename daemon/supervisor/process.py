"""The supervisor: everything that one instance does begins here.

Descriptors 3 and 4 are the listening sockets, 5 tells who started org that it is ready,
6 is the line to the keeper.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from pathlib import Path

from daemon.core.events import Kind
from daemon.core.keeping import RENEW_CODE
from daemon.supervisor import recovery, runnable
from daemon.supervisor.broker import Broker
from daemon.supervisor.control import Control
from daemon.supervisor.custody import Custody
from daemon.supervisor.cycle import Cycle
from daemon.supervisor.facts import Facts
from daemon.supervisor.looks import Looks
from daemon.supervisor.promoter import Promoter
from daemon.supervisor.renewal import Renewal
from daemon.supervisor.slots import Slots
from daemon.supervisor.verbs import STREAMS, Verbs
from daemon.supervisor.watcher import Watcher
from daemon.supervisor.workspaces import Workspaces
from daemon.supervisor.world import World
from ops.cell import available
from ops.errors import Trouble

CURRENT_FD, CANDIDATE_FD, READY_FD = 3, 4, 5


def take_sockets() -> tuple[socket.socket, socket.socket]:
    """The sockets that the keeper holds; ours never reach a child unless handed to it."""
    taken = []
    for descriptor in (CURRENT_FD, CANDIDATE_FD):
        os.set_inheritable(descriptor, False)
        listening = socket.socket(fileno=descriptor)
        listening.setblocking(False)
        taken.append(listening)
    os.set_inheritable(READY_FD, False)
    return taken[0], taken[1]


def say_ready(message: dict[str, object]) -> None:
    """One line to whoever started this; nobody may be there to hear it."""
    with contextlib.suppress(BrokenPipeError):
        os.write(READY_FD, json.dumps(message).encode() + b"\n")
    os.close(READY_FD)


async def supervise(world: World) -> int:
    """From the first process to the last; gives the exit code once asked to go."""
    sockets, custody = take_sockets(), Custody.take()
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    custody.when_gone(stopping.set)
    beating = asyncio.create_task(custody.beat())
    await asyncio.to_thread(recovery.sweep, world, custody)
    broker = Broker(world, await runnable.program(world), custody)
    slots = Slots(world, *sockets, custody)
    watcher = Watcher(world, slots)
    promoter = Promoter(world, slots, watcher)
    cycle = Cycle(world, broker, slots, promoter)
    renewal = Renewal(world, custody, promoter, stopping)
    verbs = Verbs(world, slots, promoter, cycle, stopping, world.clock())
    control = Control(world, verbs.table(), STREAMS)
    looks = Looks(world, slots, promoter, verbs.started)
    workspaces = Workspaces(world, slots.release)
    facts = Facts(world, looks, verbs.table(), workspaces)
    try:
        await broker.start()
        recovery.sweep_cells(world)
        slots.doors["current"] = await broker.open("current", lasting=True)
        slots.doors["candidate"] = await broker.open("candidate")
        await facts.open(slots.doors["current"].directory)
        await slots.answer_empty()
        await recovery.resume(world, slots, promoter)
        await control.open()
        status = await verbs.status({})
        say_ready({"ready": status})
        custody.ready()
        world.tell(Kind.NOTICE, text="the supervisor is ready")
        tasks = [asyncio.create_task(renewal.watch()), asyncio.create_task(watcher.watch())]
        await stopping.wait()
        for task in tasks:
            task.cancel()
    finally:
        control.close(world.layout)
        facts.close()
        await promoter.stop()
        if renewal.due:  # the next one finds them with the keeper
            await slots.leave()
            broker.leave()
        else:
            await slots.stop()
            await broker.stop()
        beating.cancel()
        world.journal.close()
    return RENEW_CODE if renewal.due else 0


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="daemon.supervisor.process")
    parser.add_argument("--home", type=Path, required=True)
    flags = parser.parse_args(argv)
    try:
        world = World.open(flags.home)
        available(world.settings.cells.backend)  # without walls nothing is started
        return asyncio.run(supervise(world))
    except Trouble as trouble:
        print(f"supervisor: {trouble.message}", file=sys.stderr, flush=True)
        say_ready(trouble.as_json())
        return int(trouble.code)
