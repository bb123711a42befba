"""The verbs of the night: schedule, budget, freeze; and what its jobs do."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from daemon.supervisor import backups, budgets, canaries, frozen, observing, replay, report
from daemon.supervisor.control import Answer
from daemon.supervisor.cycle import Cycle
from daemon.supervisor.night import Evolve, Night
from daemon.supervisor.rules import local
from daemon.supervisor.schedule import Schedule, Work
from daemon.supervisor.world import World
from ops.errors import Failed, Refused
from ops.files import write_atomic
from ops.lease import hold

DAY_SECONDS = 86400.0
REPORTED = "reported"  # the fact: until when the last report by the clock went
Arguments = Mapping[str, Any]
Verb = Callable[[Arguments], Awaitable[Answer]]


@dataclass
class NightVerbs:
    """`verbs` are those of a person that jobs use: promote, verify, gc."""

    world: World
    cycle: Cycle
    verbs: Mapping[str, Verb]
    evolve: Evolve

    def __post_init__(self) -> None:
        self.night = Night(self.world, self.cycle.broker, self.evolve, self.verbs["promote"])
        works: dict[str, Work] = {"cycles": self.night.cycle, "verify": self._verify}
        works |= {"gc": self._collect, "backup": self._back_up, "canaries": self._canaries}
        works |= {"report": self._report, "observe": self._observe}
        self.schedule = Schedule(self.world, works)

    def table(self) -> dict[str, Verb]:
        return {
            "schedule.list": self.list,
            "schedule.set": self.set,
            "schedule.run": self.run,
            "schedule.resume": self.resume,
            "budget": self.budget,
            "report": self.report,
            "replay": self.replay,
            "freeze": self.freeze,
            "unfreeze": self.unfreeze,
        }

    # Jobs

    async def _verify(self) -> str:
        found = await self.verbs["verify"]({})
        if not found["ok"]:
            raise Failed(f"verify found {found['problems'][0]}", "see: orgctl verify")
        return "the history is whole"

    async def _collect(self) -> str:
        await self.verbs["gc"]({})
        return "collected what is no longer kept"

    async def _back_up(self) -> str:
        return await backups.take(self.world)

    async def _canaries(self) -> str:
        """The gates that serve against what they must not let pass; if one does, nothing is
        promoted until a person has looked."""
        world, cycle = self.world, self.cycle
        if world.instance.kind != "org":
            raise Refused(
                "the canaries are changes of org itself", "they are for an instance of org"
            )
        with hold(world.layout.lease, "trying the gates on canaries"):
            rows = await canaries.tried(world, cycle.slots, cycle.broker, world.serving())
        fooled = [str(row["name"]) for row in rows if not row["rejected"]]
        if fooled:
            text = f"the gates let pass: {', '.join(fooled)}"
            frozen.freeze(world, on=True, reason=text)
            raise Failed(f"{text}; promotions are frozen", "mend that, then: orgctl unfreeze")
        return f"all {len(rows)} canaries rejected"

    async def _report(self) -> str:
        """Of all since the one before; kept beside the evidence, and told as a notice."""
        found = self._since(self._reported())
        folder = self.world.layout.evidence / "reports"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{local(found['until']):%Y-%m-%dT%H%M%S}.json"
        write_atomic(path, json.dumps(found, indent=1).encode())
        self.world.journal.set_fact(REPORTED, str(found["until"]))
        return report.summary(found)

    def _since(self, when: float) -> Answer:
        return report.report(self.world, self.night.pace(), self.schedule, when)

    def _reported(self) -> float:
        """Until when all is reported: a day's length differs, and a report may be late."""
        now = self.world.clock()
        last = float(self.world.journal.fact(REPORTED) or now - DAY_SECONDS)
        return last if last <= now else now - DAY_SECONDS  # a clock was set back

    async def _observe(self) -> str:
        asked: observing.Routes = {}
        serving = self.cycle.slots.current
        if self.world.instance.kind == "org" and serving is not None:
            with contextlib.suppress(Failed):  # it hangs: its log tells more than its routes
                asked = observing.routes((await serving.ask("routes")).get("routes"))
        found = await asyncio.to_thread(observing.observe, self.world, asked)
        return f"{len(found)} goals proposed: {', '.join(goal.title for goal in found)}"

    # Verbs

    async def report(self, arguments: Arguments) -> Answer:
        asked = arguments.get("since")
        since = self.world.clock() - DAY_SECONDS if asked is None else float(asked)
        return self._since(since)

    async def replay(self, arguments: Arguments) -> Answer:
        with hold(self.world.layout.lease, "replaying a candidate"):
            name = str(arguments.get("candidate"))
            return await replay.replay(self.world, self.cycle.broker, name)

    async def list(self, _: Arguments) -> Answer:
        pace = self.night.pace()
        return {
            "jobs": self.schedule.view(),
            "pace": pace.model_dump(),
            "freeze": list(self.world.settings.schedule.freeze),
            "frozen": frozen.why(self.world),
            "held": budgets.spent(self.world),
        }

    async def set(self, arguments: Arguments) -> Answer:
        rule = arguments.get("rule")
        self.schedule.set(str(arguments.get("job")), None if rule is None else str(rule))
        return await self.list({})

    async def run(self, arguments: Arguments) -> Answer:
        """Now, whatever its rule says."""
        name = str(arguments.get("job"))
        self.schedule.known(name)
        if not self.schedule.begin(name):
            raise Refused(f"{name} runs already", "see: orgctl schedule list")
        return {"job": name, "running": True}

    async def resume(self, _: Arguments) -> Answer:
        self.night.resume()
        return await self.list({})

    async def budget(self, _: Arguments) -> Answer:
        return await asyncio.to_thread(budgets.view, self.world)

    async def freeze(self, _: Arguments) -> Answer:
        return dict(frozen.freeze(self.world, on=True))

    async def unfreeze(self, _: Arguments) -> Answer:
        return dict(frozen.freeze(self.world, on=False))
