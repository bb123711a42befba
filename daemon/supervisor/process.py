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
from functools import partial
from pathlib import Path

from daemon.core.events import Kind
from daemon.core.keeping import RENEW_CODE
from daemon.supervisor import habits, recovery, runnable, signing
from daemon.supervisor.broker import Broker
from daemon.supervisor.control import Control, Verb
from daemon.supervisor.custody import Custody
from daemon.supervisor.cycle import Cycle
from daemon.supervisor.facts import Facts
from daemon.supervisor.looks import Looks
from daemon.supervisor.notices import Notices
from daemon.supervisor.promoter import Promoter
from daemon.supervisor.pulse import tell_ready
from daemon.supervisor.rebuild import rebuild
from daemon.supervisor.reloading import reload, tell_walls
from daemon.supervisor.renewal import Renewal
from daemon.supervisor.revival import Revival
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
    """One line, once, to whoever started this; nobody may be there to hear it."""
    with contextlib.suppress(OSError), os.fdopen(READY_FD, "wb") as ear:
        ear.write(json.dumps(message).encode() + b"\n")


class Supervisor:
    """All of one supervisor's parts, from the first process to the last."""

    def __init__(self, world: World, broker: Broker, slots: Slots, custody: Custody) -> None:
        self._world, self._broker, self._slots, self._custody = world, broker, slots, custody
        self._stopping = asyncio.Event()
        self._lost: list[Trouble] = []
        world.give_up = self._give_up
        self._watcher = Watcher(world, slots)
        self._promoter = Promoter(world, slots, self._watcher)
        cycle = Cycle(world, broker, slots, self._promoter)
        self._notices = Notices(world, broker.program)
        self._renewal = Renewal(world, custody, self._promoter, self._stopping)
        self._verbs = Verbs(world, slots, self._promoter, cycle, self._stopping)
        table: dict[str, Verb] = {**self._verbs.table(), "reload": partial(reload, world, broker)}
        self._control = Control(world, table, STREAMS)
        looks = Looks(world, slots, self._promoter)
        self.facts = Facts(world, looks, self._verbs.table(), Workspaces(world, slots.release))
        self.tasks = [asyncio.create_task(custody.beat())]

    def _give_up(self, trouble: Trouble) -> None:
        self._lost.append(trouble)
        self._stopping.set()

    async def run(self) -> int:
        """Serve until asked to go; gives the exit code. Raises what it cannot go on with."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        self._custody.when_gone(self._stopping.set)
        goes_on = True  # whatever serves outlives an end that nobody asked for
        try:
            await self._begin()
            await self._stopping.wait()
            goes_on = self._renewal.due or bool(self._lost)
        finally:
            await self._end(goes_on)
        if self._lost:
            raise self._lost[0]
        return RENEW_CODE if self._renewal.due else 0

    async def _begin(self) -> None:
        world, slots = self._world, self._slots
        await self._broker.start()
        recovery.sweep_cells(world)
        slots.doors["current"] = await self._broker.open("current", lasting=True)
        await self.facts.open(slots.doors["current"].directory)
        await slots.answer_empty()
        if world.lost is not None:
            number = rebuild(world)
            text = f"the journal was broken ({world.lost}); {number} candidates are known from git"
            world.tell(Kind.NOTICE, text=text)
        await recovery.resume(world, slots, self._promoter)
        await self._control.open()
        say_ready({"ready": await self._verbs.status({})})
        self._custody.ready()
        world.tell(Kind.NOTICE, text="the supervisor is ready")
        tell_walls(world)
        for name, habit in self._habits().items():
            self.tasks.append(asyncio.create_task(habits.keep(world, name, habit)))
        self.tasks.append(tell_ready(world, slots))

    def _habits(self) -> dict[str, habits.Habit]:
        return {
            "the renewal": self._renewal.watch,
            "the watcher": self._watcher.watch,
            "the schedule": self._verbs.nights.schedule.watch,
            "the notices": self._notices.watch,
            "the revival": Revival(self._world, self._verbs.cycle).run,
        }

    async def _end(self, goes_on: bool) -> None:
        for task in self.tasks:
            task.cancel()
        self._control.close(self._world.layout)
        self.facts.close()
        await self._promoter.stop()
        if goes_on:  # the next supervisor gets it from the keeper
            await self._slots.leave()
            self._broker.leave()
        else:
            await self._slots.stop()
            await self._broker.stop()
        self._world.journal.close()


async def supervise(world: World) -> int:
    sockets, custody = take_sockets(), Custody.take()
    await asyncio.to_thread(recovery.sweep, world, custody)
    broker = Broker(world, await runnable.program(world), custody)
    return await Supervisor(world, broker, Slots(world, *sockets, custody), custody).run()


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="daemon.supervisor.process")
    parser.add_argument("--home", type=Path, required=True)
    flags = parser.parse_args(argv)
    try:
        world = World.open(flags.home)
        available(world.settings.cells.backend)  # without walls nothing is started
        signing.resume(world)
        return asyncio.run(supervise(world))
    except Trouble as trouble:
        print(f"supervisor: {trouble.message}", file=sys.stderr, flush=True)
        say_ready(trouble.as_json())
        return int(trouble.code)
