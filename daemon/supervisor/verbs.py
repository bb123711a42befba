"""The verbs of the control socket: each gives the contract's JSON, or refuses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from daemon.core import release as releases
from daemon.core.candidate import Candidate, Stage
from daemon.core.promotion import State
from daemon.supervisor import audit, canaries, frozen, judge, views
from daemon.supervisor.chat_verbs import ChatVerbs
from daemon.supervisor.control import Answer, Verb
from daemon.supervisor.cycle import Cycle
from daemon.supervisor.evolving import Evolving
from daemon.supervisor.goal_verbs import GoalVerbs
from daemon.supervisor.looks import Looks
from daemon.supervisor.night_verbs import NightVerbs
from daemon.supervisor.promoter import Promoter, new_promotion
from daemon.supervisor.slots import Slots
from daemon.supervisor.steering import Steering
from daemon.supervisor.token_verbs import TokenVerbs
from daemon.supervisor.upkeep import Upkeep
from daemon.supervisor.world import World
from ops.errors import Exit, Failed, Refused
from ops.lease import hold

STREAMS = frozenset({"evolve", "replay", "fitness", "promote", "approve", "rollback"})
Arguments = Mapping[str, Any]


@dataclass
class Verbs:
    """Everything orgctl may ask of a running supervisor."""

    world: World
    slots: Slots
    promoter: Promoter
    cycle: Cycle
    stopping: asyncio.Event

    def __post_init__(self) -> None:
        self.upkeep = Upkeep(self.world, self.promoter.turn)
        verbs = {"verify": self.verify, "gc": self.upkeep.gc}
        verbs |= {"promote": self.promote}
        self.evolving = Evolving(self.world, self.cycle, self.upkeep)
        self.nights = NightVerbs(self.world, self.cycle, verbs, self.evolving.side_by_side)

    @property
    def goals(self) -> GoalVerbs:
        return GoalVerbs(self.world)

    @property
    def chats(self) -> ChatVerbs:
        return ChatVerbs(self.world, self.cycle.broker)

    def table(self) -> dict[str, Verb]:
        return {
            "status": self.status,
            **self.goals.table(),
            **Steering(self.cycle).table(),
            **self.chats.table(),
            **TokenVerbs(self.world).table(),
            **Looks(self.world, self.slots, self.promoter).table(),
            **self.evolving.table(),
            "candidates": self.candidates,
            "show": self.show,
            "diff": self.diff,
            "fitness": self.fitness,
            "promote": self.promote,
            "approve": self.approve,
            "reject": self.reject,
            "rollback": self.rollback,
            "verify": self.verify,
            **self.nights.table(),
            "events": self.events,
            "gc": self.upkeep.gc,
            "down": self.down,
        }

    @asynccontextmanager
    async def _operation(self, why: str) -> AsyncIterator[None]:
        """One operation at a time; who comes second is told who was first (exit 3)."""
        with hold(self.world.layout.lease, why):
            yield

    # Looking

    async def status(self, _: Arguments) -> Answer:
        return views.status(self.world, self.slots, self.promoter)

    async def candidates(self, _: Arguments) -> Answer:
        return views.candidates(self.world)

    async def show(self, arguments: Arguments) -> Answer:
        return views.show(self.world, str(arguments.get("candidate", "")))

    async def diff(self, arguments: Arguments) -> Answer:
        return views.diff(self.world, str(arguments.get("candidate", "")))

    async def verify(self, _: Arguments) -> Answer:
        return await asyncio.to_thread(audit.audit, self.world.layout)

    async def events(self, arguments: Arguments) -> Answer:
        after, last = arguments.get("since"), arguments.get("last")
        if last:
            return {"events": self.world.journal.last_events(int(last))}
        return {"events": self.world.journal.events(int(after) if after else 0)}

    # Judging

    async def fitness(self, arguments: Arguments) -> Answer:
        """Judge any commit against main; nothing is promoted by it."""
        world = self.world
        commit = world.history.resolve(str(arguments.get("ref") or "main"))
        if arguments.get("canaries"):
            async with self._operation("trying the gates on bad candidates"):
                return await canaries.told(world, self.slots, self.cycle.broker, world.serving())
        async with self._operation(f"judging {commit[:12]}"):
            only = str(arguments["gate"]) if arguments.get("gate") else None
            case = judge.Case(f"fitness-{commit[:12]}", commit, world.serving(), only=only)
            card = await judge.judge(world, self.slots, self.cycle.broker, case)
        return card.model_dump(mode="json")

    # Changing what serves

    async def promote(self, arguments: Arguments) -> Answer:
        frozen.refuse(self.world)
        candidate = self._to_promote(arguments.get("candidate"))
        async with self._operation(f"promoting {candidate.branch}"):
            former = self.world.tag_of(self.world.serving())
            candidate = await self.cycle.promote_waiting(candidate)
        return views.outcome(self.world, candidate) | {
            "former": former,
            "state": str(candidate.state),
        }

    def _to_promote(self, name: object) -> Candidate:
        if name is not None:
            candidate = views.find(self.world, str(name))
        else:
            judged = [c for c in self.world.journal.open_candidates() if c.state is Stage.JUDGED]
            if not judged:
                raise Refused(
                    "no candidate waits for promotion", "see: orgctl candidates", Exit.ABSENT
                )
            candidate = judged[-1]
        if candidate.state is Stage.PROMOTED:
            raise Refused(
                f"{candidate.branch} is already {candidate.release}", "see: orgctl status"
            )
        if candidate.state is not Stage.JUDGED:
            raise Refused(
                f"{candidate.branch} is {candidate.state}: {candidate.reason or 'not judged yet'}",
                f"see: orgctl show {candidate.id}",
                Exit.JUDGED_NO,
            )
        if candidate.wants_a_yes:
            raise Refused(
                f"{candidate.branch} touches protected paths and waits for approval",
                f"look at it with: orgctl diff {candidate.id}",
                Exit.JUDGED_NO,
            )
        return candidate

    async def approve(self, arguments: Arguments) -> Answer:
        """A person has looked at a change of protected paths: it is promoted like any other."""
        candidate = views.find(self.world, str(arguments.get("candidate", "")))
        if candidate.outcome() != "awaiting-approval":
            text = f"{candidate.branch} does not wait for approval: it is {candidate.state}"
            raise Refused(text, f"see: orgctl show {candidate.id}")
        self.world.journal.save_candidate(candidate.model_copy(update={"approved": True}))
        return await self.promote({"candidate": candidate.id})

    async def reject(self, arguments: Arguments) -> Answer:
        candidate = views.find(self.world, str(arguments.get("candidate", "")))
        if candidate.outcome() in ("promoted", "rejected", "abandoned"):
            raise Refused(
                f"{candidate.branch} is already {candidate.state}", "see: orgctl candidates"
            )
        async with self._operation(f"rejecting {candidate.branch}"):
            reason = releases.one_line(str(arguments.get("reason") or "rejected by hand"))
            candidate = self.cycle.refuse(candidate, reason)
        return views.outcome(self.world, candidate)

    async def rollback(self, arguments: Arguments) -> Answer:
        async with self._operation("rolling back"), self.promoter.turn:
            world, left = self.world, self.world.serving()
            target = self._target(arguments.get("to"), left)
            main = world.main()
            watched = self.promoter.watched
            if watched is not None and watched.merge == left and watched.former == target:
                done = await self.promoter.undo(watched, "rolled back by hand")
            else:
                self.promoter.forget_probation()
                done = await self.promoter.run(
                    new_promotion(
                        world,
                        state=State.REVERTING,
                        candidate=None,
                        main=main,
                        merge=left,
                        former=target,
                        reason="rolled back by hand",
                    )
                )
        if done.state is State.REJECTED:
            raise Failed(
                str(done.reason), f"{world.tag_of(left)} goes on; try again, or --to another"
            )
        return {
            "from": world.tag_of(left),
            "to": world.tag_of(done.former),
            "commit": done.restoring,
            "serves": done.former,
            "tag": done.rollback,
            "state": str(done.state),
        }

    def _target(self, named: object, left: str) -> str:
        """The release to return to. Raises Refused when there is none, or it serves already."""
        world = self.world
        if named is None:
            former = releases.former(world.main(), world.point)
            if former is None:
                raise Refused(
                    "nothing was promoted yet, so there is nothing to roll back",
                    "see: orgctl status",
                )
            return former
        name = str(named)
        tags = world.history.refs(releases.RELEASE_TAGS)
        target = tags.get(f"refs/tags/{name}") or tags.get(f"{releases.RELEASE_TAGS}{name}")
        if target is None:
            raise Refused(f"no release {name!r}", "name one as release/<n>", Exit.ABSENT)
        if target == left:
            raise Refused(f"{name} is what serves now", "see: orgctl status")
        return target

    # The daemon itself

    async def down(self, _: Arguments) -> Answer:
        self.stopping.set()
        return {"home": str(self.world.layout.home), "state": "going down"}
