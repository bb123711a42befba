"""The supervisor makes way for the one of a newer release, and is blessed when it holds.

What serves is left with the keeper meanwhile, so a renewal is no more than a restart that
nobody notices. A program that did not hold is not tried again.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from daemon.core.events import Kind
from daemon.core.release import Release
from daemon.state.programs import Code, Programs
from daemon.supervisor import runnable
from daemon.supervisor.custody import Custody
from daemon.supervisor.promoter import Promoter
from daemon.supervisor.world import World
from ops.errors import Trouble
from ops.lease import holder
from ops.loaded import ROOT

OWN = (
    "ops",
    "fitness",
    "daemon/core",
    "daemon/state",
    "daemon/supervisor",
    "daemon/broker",
)
LOOK_EVERY_SECONDS = 0.5
BLESSED_AFTER_SECONDS = 10.0


class Renewal:
    """`due` once this supervisor has ended itself for another."""

    def __init__(
        self, world: World, custody: Custody, promoter: Promoter, stopping: asyncio.Event
    ) -> None:
        self._world = world
        self._custody = custody
        self._promoter = promoter
        self._stopping = stopping
        self._programs = Programs(world.layout)
        self.due = False

    async def watch(self) -> None:
        """Between operations, compare what runs with what main says should."""
        if self._world.instance.kind != "org":
            return  # org's own code is not what evolves here
        loop = asyncio.get_running_loop()
        began, seen = loop.time(), ""
        while not self.due:
            await asyncio.sleep(LOOK_EVERY_SECONDS)
            held = loop.time() - began > BLESSED_AFTER_SECONDS
            if held and self._promoter.watched is None and self._programs.trial() is not None:
                self._custody.bless()
            main = self._world.main()
            if main == seen or holder(self._world.layout.lease) is not None:
                continue
            seen = main
            try:
                await self._consider(await runnable.program(self._world))
            except Trouble as trouble:
                text = f"the newer supervisor cannot be made: {trouble.message}"
                self._world.tell(Kind.NOTICE, text=text)

    async def _consider(self, wanted: Release) -> None:
        failed = self._programs.failed()
        if wanted.root == ROOT or (failed is not None and failed.root == wanted.root):
            return
        if self._same(wanted.commit):
            return
        self._programs.offer(Code(root=wanted.root, python=wanted.python))
        self._world.tell(Kind.NOTICE, text=f"the supervisor of {wanted.commit[:12]} takes over")
        self.due = True
        self._stopping.set()

    def _same(self, commit: str) -> bool:
        """Whether the supervisor's own folders are those of the release that runs it."""
        history = self._world.history
        running = Path(ROOT).name
        if history.find(f"{running}^{{commit}}") is None:
            return False
        paths = [f"{{}}:{path}" for path in OWN]
        ours = [history.find(path.format(running)) for path in paths]
        return ours == [history.find(path.format(commit)) for path in paths]
