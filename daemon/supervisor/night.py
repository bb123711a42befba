"""One scheduled cycle: may it begin, what it did, and how soon the next one should follow."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import psutil

from daemon.core.candidate import Candidate, Stage
from daemon.core.clockwork import Pace
from daemon.core.events import Kind
from daemon.state import goals
from daemon.supervisor import budgets, frozen
from daemon.supervisor.broker import Broker
from daemon.supervisor.schedule import HELD
from daemon.supervisor.wish import probed
from daemon.supervisor.world import World
from ops.errors import Exit, Refused

PACE = "pace"
GOOD = frozenset({"promoted", "awaiting-approval"})
Verb = Callable[[Mapping[str, Any]], Awaitable[dict[str, Any]]]
Evolve = Callable[[int], Awaitable[list[dict[str, Any]]]]


@dataclass
class Night:
    """What the job `cycles` does; `evolve` begins so many cycles at once, and gives their ends."""

    world: World
    broker: Broker
    evolve: Evolve
    promote: Verb
    silent: bool = False  # no model answered when it was asked last

    def pace(self) -> Pace:
        text = self.world.journal.fact(PACE)
        return Pace.model_validate_json(text) if text else Pace()

    def save(self, pace: Pace) -> None:
        self.world.journal.set_fact(PACE, pace.model_dump_json())

    async def cycle(self) -> str:
        """What was done, in a few words; every reason to do nothing has its own."""
        reason = await asyncio.to_thread(self._held) or await self._silent()
        if reason is not None:
            return reason
        try:
            if (waiting := self._waiting()) is not None:
                done = await self.promote({"candidate": waiting.id})
                return f"{waiting.branch} is now {done['state']}"
            ended = await self.evolve(self._authors())
        except Refused as refusal:
            if refusal.code is Exit.BUSY or not self._open():
                return f"nothing to do: {refusal.message}"
            raise
        return "; ".join(self._ended(done) for done in ended)

    def _authors(self) -> int:
        """As many as the setting says, if this machine has the memory and the processors."""
        settings = self.world.settings
        wanted = settings.schedule.parallel
        if wanted == 1:
            return wanted
        fit = int(psutil.virtual_memory().available // settings.cells.memory_bytes)
        return max(1, min(wanted, fit, psutil.cpu_count() or 1))

    def _held(self) -> str | None:
        world, pace = self.world, self.pace()
        if (reason := frozen.why(world)) is not None:
            return f"{HELD}{reason}"
        if pace.paused:
            return f"paused after {pace.streak} rejections in a row; go on: orgctl schedule resume"
        if (reason := budgets.spent(world)) is not None:
            return f"{HELD}{reason}"
        if not pace.may(world.clock()):
            why = "no model answers, or authors come to no end" if pace.dead else "slowed"
            return f"{why}: the next try is in {pace.not_before - world.clock():.0f} s"
        return None

    async def _silent(self) -> str | None:
        """A dead endpoint is waited for, longer each time; nothing is begun meanwhile."""
        if self.world.settings.model.session is not None:
            return None
        settings, pace = self.world.settings, self.pace()
        author, said = await probed(self.broker, settings.author.wanted)
        if said.get("answers"):
            if self.silent:
                self.world.tell(Kind.NOTICE, text="the model answers again")
            self.silent = False
            return None
        if self.world.instance.kind == "org" and not self._open():
            return None  # the goal that ships brings its own session
        if not self.silent:
            base = settings.endpoint(author).base
            self.world.tell(Kind.NOTICE, text=f"no model answers at {base}; it is waited for")
        self.silent = True
        self.save(pace.silent(self.world.clock()))
        return f"no model answers; asked {pace.dead + 1} times"

    def _open(self) -> bool:
        return bool(goals.open_goals(self.world.journal, budgets.exhausted(self.world)))

    def _waiting(self) -> Candidate | None:
        """What passed, or had its yes, while promotions were frozen."""
        if self.world.settings.policy.promote != "auto":
            return None
        for one in self.world.journal.open_candidates():
            if one.state is Stage.JUDGED and one.passed and not one.wants_a_yes:
                return one
        return None

    def _ended(self, done: Mapping[str, Any]) -> str:
        outcome, world = str(done["outcome"]), self.world
        said = f"{done['candidate']} was {outcome}" + (
            f": {done['reason']}" if done.get("reason") else ""
        )
        if outcome not in (*GOOD, "rejected"):
            # Nobody's fault, and no step of the streak; but an endpoint that only lists its
            # models, or an author that crashes, is waited for like one that is dead.
            self.save(self.pace().silent(world.clock()))
            return said
        asked = world.settings.schedule
        pace = self.pace().ended(
            outcome in GOOD, world.clock(), asked.slow_after, asked.pause_after
        )
        self.save(pace)
        if pace.paused:
            text = f"cycles are paused after {pace.streak} rejections in a row"
            world.tell(Kind.NOTICE, text=f"{text}; go on with: orgctl schedule resume")
        return said

    def resume(self) -> None:
        self.save(Pace())
        self.world.tell(Kind.NOTICE, text="cycles go on")
