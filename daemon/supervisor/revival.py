"""Candidates that outlive their supervisor: the next one goes on with them, a few times.

One that is taken up again and again may be what kills its supervisors. The count stands beside
the archive, whose rows a former release must be able to read.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass

from daemon.core.candidate import Candidate, Stage
from daemon.state import goals
from daemon.supervisor import budgets, worked
from daemon.supervisor.cycle import Cycle
from daemon.supervisor.wish import probed
from daemon.supervisor.world import World
from ops.errors import Trouble
from ops.lease import hold

TAKEN_UP_MAX = 3
FACT = "taken-up:"
PAUSE_SECONDS_FIRST, PAUSE_SECONDS_MAX = 0.5, 60.0


def times(world: World, candidate: Candidate) -> int:
    return int(world.journal.fact(FACT + candidate.id) or "0")


def may_go_on(world: World, candidate: Candidate) -> bool:
    return candidate.goes_on() and times(world, candidate) < TAKEN_UP_MAX


@dataclass
class Revival:
    """What died with an earlier supervisor, and goes on when it can."""

    world: World
    cycle: Cycle

    async def run(self) -> None:
        """Until nothing is left: the model may be away too, or the day's budget spent."""
        candidates = self.world.journal.open_candidates()
        names = [one.id for one in candidates if may_go_on(self.world, one)]
        pause = PAUSE_SECONDS_FIRST
        while names := [name for name in names if not await self._over(name)]:
            await asyncio.sleep(pause)
            pause = min(pause * 2, PAUSE_SECONDS_MAX)

    async def _over(self, name: str) -> bool:
        """Whether nothing is left to do for it; tries to do it."""
        with contextlib.suppress(Trouble, OSError):  # busy, or the broker or the disk: later
            candidate = self._known(name)
            if candidate is None:
                return True
            if candidate.state is Stage.DRAFTING and not await self._may_draft():
                return False
            with hold(self.world.layout.lease, f"going on with cand/{name}"):
                # Read anew: a person may have rejected it while the model was asked.
                if (candidate := self._known(name)) is not None:
                    await self._take_up(candidate)
            return True
        return False

    def _known(self, name: str) -> Candidate | None:
        candidate = self.world.journal.candidate(name)
        return candidate if candidate is not None and candidate.goes_on() else None

    async def _may_draft(self) -> bool:
        spent = await asyncio.to_thread(budgets.spent, self.world)
        _, said = await probed(self.cycle.broker, self.world.settings.author.wanted)
        return spent is None and bool(said.get("answers"))

    async def _take_up(self, candidate: Candidate) -> None:
        journal, fact = self.world.journal, FACT + candidate.id
        if candidate.wish is not None and candidate.wish.id in goals.reached(journal):
            reason = "its goal was reached while nobody worked on it"
            worked.end(self.world, self.cycle.move(candidate, Stage.ABANDONED, reason=reason))
        else:
            journal.set_fact(fact, str(times(self.world, candidate) + 1))
            await self.cycle.take_up(candidate)
        journal.set_fact(fact, None)
