"""The verb evolve: a goal, named or the next one, through a cycle; or several side by side."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from daemon.core import release as releases
from daemon.core.candidate import Candidate
from daemon.core.goal import Goal
from daemon.state import goals
from daemon.supervisor import budgets, runnable, views
from daemon.supervisor.control import Answer, Verb
from daemon.supervisor.cycle import Cycle
from daemon.supervisor.goal_verbs import GoalVerbs
from daemon.supervisor.upkeep import Upkeep
from daemon.supervisor.wish import Wish
from daemon.supervisor.world import World
from ops.errors import Exit, Refused
from ops.lease import hold

Arguments = Mapping[str, Any]


@dataclass
class Evolving:
    """Begins cycles; each holds the operation lease to its end, and who comes second is told."""

    world: World
    cycle: Cycle
    upkeep: Upkeep

    def table(self) -> dict[str, Verb]:
        return {"evolve": self.evolve}

    @property
    def goals(self) -> GoalVerbs:
        return GoalVerbs(self.world)

    async def evolve(self, arguments: Arguments) -> Answer:
        """With `wait` the answer is the outcome, else the candidate that was begun."""
        wish = await self._wish(arguments)
        runnable.check_disk(self.world)
        begun: asyncio.Future[Candidate] = asyncio.get_running_loop().create_future()

        async def work() -> Candidate:
            with hold(
                self.world.layout.lease, f"evolving: {releases.one_line(wish.goal.text)[:60]}"
            ):
                candidate = self.cycle.open(wish.goal)
                begun.set_result(candidate)
                candidate = await self.cycle.run(candidate, wish)
                await self.upkeep.when_due()
                return candidate

        task = asyncio.create_task(work())
        if arguments.get("wait"):
            return views.outcome(self.world, await task)
        await asyncio.wait({task, begun}, return_when=asyncio.FIRST_COMPLETED)
        candidate = begun.result() if begun.done() else await task
        return views.outcome(self.world, candidate)

    async def side_by_side(self, authors: int) -> list[Answer]:
        """One cycle for each of the next open goals, their authors at work at once."""
        self.goals.take_from_repo()
        found = goals.open_goals(self.world.journal, budgets.exhausted(self.world))
        wishes = [Wish(goal) for goal in found[:authors]]
        if len(wishes) < 2:
            return [await self.evolve({"wait": True})]
        runnable.check_disk(self.world)
        with hold(self.world.layout.lease, f"evolving {len(wishes)} goals side by side"):
            begun = [(self.cycle.open(wish.goal), wish) for wish in wishes]
            ended = await self.cycle.run_side_by_side(begun)
            await self.upkeep.when_due()
        return [views.outcome(self.world, one) for one in ended]

    async def _wish(self, arguments: Arguments) -> Wish:
        goal = self._chosen(arguments, (await runnable.program(self.world)).root)
        changes = {key: arguments.get(key) for key in ("protocol", "module") if arguments.get(key)}
        if changes:
            goal = self.goals.made(goal.id, goal.model_dump(mode="json") | changes)
        session, record = arguments.get("session"), arguments.get("record")
        if session and not Path(str(session)).is_file():
            raise Refused(f"no recorded session at {session}", "name a file", Exit.ABSENT)
        if record and not Path(str(record)).parent.is_dir():
            raise Refused(f"no folder for a recording at {record}", "make it first", Exit.ABSENT)
        if record and Path(str(record)).is_dir():
            raise Refused(f"{record} is a folder", "name a file in it: --record FILE")
        return Wish(goal, Path(session) if session else None, Path(record) if record else None)

    def _chosen(self, arguments: Arguments, program: Path) -> Goal:
        """A goal's id, a goal's text, or the next open one."""
        named = arguments.get("goal")
        if named is None:
            self.goals.take_from_repo()
            own = self.world.instance.kind == "org"
            spent = budgets.exhausted(self.world)
            return goals.following(self.world.journal, program if own else None, spent)
        known = self.world.journal.goal(str(named))
        if known is not None:
            return known
        return self.goals.made(
            goals.new_id(self.world.journal), {"text": str(named), **_extras(arguments)}
        )


def _extras(arguments: Arguments) -> dict[str, Any]:
    return {key: arguments.get(key) for key in ("protocol", "module", "acceptance")}
