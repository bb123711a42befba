"""The team at work: who waits for whom, who works beside whom, and what it all comes to."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from daemon.agent.room.members import Seat
from daemon.agent.room.transcript import Entry
from daemon.agent.room.voice import Tell
from daemon.agent.team.joining import Files, applied, files_of, settle
from daemon.agent.team.keeping import keep, kept_in
from daemon.agent.team.plan import Outcome, Plan, Subtask, before, ordered
from daemon.agent.team.work import Bench, Done

CLASHED = "what others did meanwhile clashes in: "
UNDONE = "this was built on what has failed since: "
NOT_HERE = "; what it changed is not here"


@dataclass
class Team:
    """`tell("said", entry=…)` is for what must be kept; `ends` are the ends so far.

    `kept` is the folder for what each subtask changed, which outlasts a crash.
    """

    members: Sequence[Seat]
    bench: Bench
    tell: Tell
    root: Path
    kept: Path
    parallel: int = 4
    ends: dict[str, Done] = field(default_factory=dict)

    def take_up(self, entries: Sequence[Mapping[str, Any]]) -> None:
        """Ends of an earlier start of the same run; one whose work is lost is done again."""
        last = {one["id"]: one for one in entries if one.get("kind") == "end"}
        for name, one in last.items():
            try:
                changed = kept_in(one, self.kept)
            except ValueError as lost:
                self.tell("again", subtask=name, who=one["who"], why=str(lost))
            else:
                outcome = Outcome(one["outcome"])
                self.ends[name] = Done(outcome, one["text"], changed, one["tokens"])

    async def work(self, plan: Plan) -> bool:
        """Every subtask to its end, results in the workspace; whether nothing failed for good."""
        base = files_of(self.root)
        order = ordered(plan)
        slots = asyncio.Semaphore(self.parallel)
        over = {one.id: asyncio.Event() for one in order}

        async def one_of(at: int, subtask: Subtask) -> None:
            for name in subtask.waits_for:
                await over[name].wait()
            if subtask.id not in self.ends:
                async with slots:
                    await self._one(plan, subtask, self._who(at, subtask), base)
            over[subtask.id].set()

        async with asyncio.TaskGroup() as group:
            for at, subtask in enumerate(order):
                group.create_task(one_of(at, subtask))
        return await self._join(plan, order, base)

    def _who(self, at: int, subtask: Subtask) -> Seat:
        named = [one for one in self.members if one.name == subtask.who]
        return named[0] if named else self.members[at % len(self.members)]

    async def _one(self, plan: Plan, subtask: Subtask, seat: Seat, base: Files) -> None:
        ends = {name: done.outcome for name, done in self.ends.items()}
        if not subtask.may_run(ends):
            self._end(subtask, seat, Done(Outcome.SKIPPED, "its condition did not come true"))
            return
        earlier = before(plan, subtask.id)
        # What a failed one left is not joined either: nobody may build on it.
        done_before = [self.ends[one.id] for one in earlier if self._is_done(one)]
        files, conflicts = applied(base, [one.changed for one in done_before])
        if conflicts:
            self._end(subtask, seat, Done(Outcome.FAILED, CLASHED + ", ".join(conflicts)))
            return
        told = [self._said(one) for one in earlier if self.ends[one.id].text]
        self.tell("begins", id=subtask.id, who=seat.name, model=seat.model, at=time.time())
        done = await asyncio.to_thread(self.bench.work, seat, subtask, files, told)
        self._end(subtask, seat, done)

    def _is_done(self, subtask: Subtask) -> bool:
        return self.ends[subtask.id].outcome is Outcome.DONE

    def _said(self, subtask: Subtask) -> Entry:
        done = self.ends[subtask.id]
        left = NOT_HERE if done.outcome is Outcome.FAILED and done.changed else ""
        return Entry(who=subtask.id, text=f"[{done.outcome}{left}] {done.text}")

    def _end(self, subtask: Subtask, seat: Seat, done: Done) -> None:
        """Its work is on the disk before anybody is told of it."""
        self.ends[subtask.id] = done
        kept, text = "", done.text
        try:
            kept = keep(done.changed, self.kept, subtask.id) if done.changed else ""
        except OSError as error:  # it is joined all the same, unless this start is cut off
            text += f"\n[what it changed cannot be kept: {error.strerror}]"
        entry = {
            "kind": "end",
            "id": subtask.id,
            "who": seat.name,
            "outcome": str(done.outcome),
            "text": text,
            "tokens": done.tokens,
            "changed": sorted(done.changed),
            "kept": kept,
            "ended": time.time(),
        }
        self.tell("said", entry=entry)

    async def _join(self, plan: Plan, order: Sequence[Subtask], base: Files) -> bool:
        """Results into the workspace in the plan's order; one that clashes is done once more."""
        files, undone = dict(base), set[str]()
        for at, subtask in enumerate(order):
            if not self._is_done(subtask):
                continue
            lost = [one.id for one in before(plan, subtask.id) if one.id in undone]
            joined, conflicts = applied(files, [self.ends[subtask.id].changed])
            if lost or conflicts:
                why = UNDONE + ", ".join(lost) if lost else CLASHED + ", ".join(conflicts)
                await self._again(subtask, self._who(at, subtask), files, why)
                joined, _ = applied(files, [self.ends[subtask.id].changed])
            if self._is_done(subtask):
                files = joined
            else:
                undone.add(subtask.id)
        settle(base, files, self.root)
        return not self._lost(plan)

    async def _again(self, subtask: Subtask, seat: Seat, files: Files, why: str) -> None:
        """On top of what was joined so far, when its conditions are still true."""
        if subtask.may_run({name: done.outcome for name, done in self.ends.items()}):
            told = [Entry(who="lead", text=why)]
            done = await asyncio.to_thread(self.bench.work, seat, subtask, files, told)
        else:
            done = Done(Outcome.SKIPPED, why)
        self._end(subtask, seat, done)

    def _lost(self, plan: Plan) -> list[str]:
        """What failed and nobody was to make up for."""
        made_up = {
            name
            for one in plan.subtasks
            for name in one.on_failure
            if self.ends[one.id].outcome is Outcome.DONE
        }
        failed = [name for name, done in self.ends.items() if done.outcome is Outcome.FAILED]
        return [name for name in failed if name not in made_up]
