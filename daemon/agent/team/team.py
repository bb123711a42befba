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
        files, conflicts = applied(base, [self.ends[one.id].changed for one in earlier])
        if conflicts:
            self._end(subtask, seat, Done(Outcome.FAILED, CLASHED + ", ".join(conflicts)))
            return
        told = [self._said(one) for one in earlier if self.ends[one.id].text]
        self.tell("begins", id=subtask.id, who=seat.name, model=seat.model, at=time.time())
        done = await asyncio.to_thread(self.bench.work, seat, subtask, files, told)
        self._end(subtask, seat, done)

    def _said(self, subtask: Subtask) -> Entry:
        done = self.ends[subtask.id]
        return Entry(who=subtask.id, text=f"[{done.outcome}] {done.text}")

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
        files = dict(base)
        for at, subtask in enumerate(order):
            done = self.ends[subtask.id]
            if done.outcome is not Outcome.DONE:
                continue
            joined, conflicts = applied(files, [done.changed])
            if conflicts:
                seat = self._who(at, subtask)
                told = [Entry(who="lead", text=CLASHED + ", ".join(conflicts))]
                done = await asyncio.to_thread(self.bench.work, seat, subtask, files, told)
                self._end(subtask, seat, done)
                joined, _ = applied(files, [done.changed])
            files = joined if done.outcome is Outcome.DONE else files
        settle(base, files, self.root)
        return not self._lost(plan)

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
