"""The supervisor: descriptors 3 and 4 are the listening sockets, 5 tells the keeper it is ready."""

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
from daemon.supervisor import recovery, runnable
from daemon.supervisor.broker import Broker
from daemon.supervisor.control import Control
from daemon.supervisor.cycle import Cycle
from daemon.supervisor.promoter import Promoter
from daemon.supervisor.slots import Slots
from daemon.supervisor.verbs import STREAMS, Verbs
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


async def supervise(world: World) -> None:
    """From the first process to the last; returns when asked to go down."""
    sockets = take_sockets()
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    recovery.sweep(world)
    broker = Broker(world, await runnable.program(world))
    slots = Slots(world, *sockets)
    promoter = Promoter(world, slots)
    cycle = Cycle(world, broker, slots, promoter)
    verbs = Verbs(world, slots, promoter, cycle, stopping, world.clock())
    control = Control(world, verbs.table(), STREAMS)
    try:
        await broker.start()
        for name in ("current", "candidate"):
            slots.doors[name] = await broker.open(name)
        await slots.answer_empty()
        await recovery.resume(world, slots, promoter)
        await control.open()
        status = await verbs.status({})
        say_ready({"ready": status})
        world.tell(Kind.NOTICE, text="the supervisor is ready")
        await stopping.wait()
    finally:
        control.close(world.layout)
        await promoter.stop()
        await slots.stop()
        await broker.stop()
        world.journal.close()


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="daemon.supervisor.process")
    parser.add_argument("--home", type=Path, required=True)
    flags = parser.parse_args(argv)
    try:
        world = World.open(flags.home)
        available(world.settings.cells.backend)  # without walls nothing is started
        asyncio.run(supervise(world))
    except Trouble as trouble:
        print(f"supervisor: {trouble.message}", file=sys.stderr, flush=True)
        say_ready(trouble.as_json())
        return int(trouble.code)
    return 0
