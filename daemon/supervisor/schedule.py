"""The jobs of an instance by the clock: persistent, one run of each at a time, late ones defined.

A job that could not run within its grace was missed: cycles wait for their next time, while
house-keeping is made up for once, and waits for an operation to end. The clock may jump: it is
looked at every POLL_SECONDS at least.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from daemon.core.clockwork import Do, Following, Job, step
from daemon.core.events import Kind
from daemon.supervisor.habits import tell_bug
from daemon.supervisor.rules import check, following
from daemon.supervisor.world import World
from ops.errors import Exit, Refused, Trouble

POLL_SECONDS = 30.0
BUSY_AGAIN_SECONDS = 60.0
FACT, RULE = "job:", "rule:"
OFF = "off"
# How the outcome of a job begins that something keeps from running, that another operation was in
# the way of, and that went wrong.
HELD, BUSY, FAILED = "held: ", "put off: ", "not done: "
Work = Callable[[], Awaitable[str]]  # what it did, in a few words


@dataclass
class Schedule:
    """`works` are the jobs that there are; the rules are settings, or what a person said since."""

    world: World
    works: Mapping[str, Work]
    following: Following = following
    running: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    told: dict[str, str] = field(default_factory=dict)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def rule(self, name: str) -> str:
        said = self.world.journal.fact(RULE + name)
        rule = said if said is not None else getattr(self.world.settings.schedule, name)
        return "" if rule == OFF else str(rule)

    def job(self, name: str) -> Job | None:
        """As it was left, also by a process that was killed; None while it has no rule."""
        rule = self.rule(name)
        if not rule:
            return None
        text = self.world.journal.fact(FACT + name)
        fresh = Job(name=name, rule=rule, makes_up=name != "cycles")
        if text is None:
            return fresh
        known = Job.model_validate_json(text)
        return known if known.rule == rule else fresh.model_copy(update={"last": known.last})

    def save(self, job: Job) -> None:
        self.world.journal.set_fact(FACT + job.name, job.model_dump_json())

    def look(self) -> float:
        """Begin what is due; the seconds until there is something to look at again.

        A job whose rule cannot be read, or that cannot be written down, is told, not stumbled over.
        """
        wait = POLL_SECONDS
        for name in self.works:
            try:
                wait = min(wait, self._look_at(name))
            except (Trouble, OSError) as trouble:
                self.world.tell(Kind.NOTICE, text=f"schedule: {name} stands still: {trouble}")
        return wait

    def _look_at(self, name: str) -> float:
        now, job = self.world.clock(), self.job(name)
        if job is None:
            return POLL_SECONDS
        after, do = step(job, now, self.following, self.world.settings.schedule.grace_seconds)
        if after != job:
            self.save(after)
        if do is Do.MISSED:
            late = now - (job.next or now)
            self._outcome(name, f"missed by {late:.0f} s")
        elif do is Do.RUN:
            self.begin(name)
        return max(0.05, (after.next or now) - now)

    def begin(self, name: str) -> bool:
        """False when it still runs."""
        if self._runs(name):
            return False
        task = self.running[name] = asyncio.create_task(self._run(name))
        task.add_done_callback(partial(tell_bug, self.world, f"the job {name}"))
        return True

    async def _run(self, name: str) -> None:
        try:
            outcome = await self.works[name]()
        except (Trouble, OSError) as trouble:
            busy = isinstance(trouble, Trouble) and trouble.code is Exit.BUSY
            outcome = f"{BUSY if busy else FAILED}{trouble}"
        with contextlib.suppress(Trouble, OSError):  # it was told; the next run is kept again
            self._outcome(name, outcome)
        self.changed.set()

    def _outcome(self, name: str, outcome: str) -> None:
        """Told first: that is never lost, while a full disk may keep it from being written.

        What holds a job for long is told once. House-keeping that met a running operation is
        tried again soon: its next time may be a week away.
        """
        if not outcome.startswith((HELD, BUSY)) or outcome != self.told.get(name):
            self.world.tell(Kind.NOTICE, text=f"schedule: {name}: {outcome}")
        self.told[name] = outcome
        job = self.job(name)
        if job is None:
            return
        busy = outcome.startswith(BUSY)
        if not (busy and self._failed(job)):  # that it could not even begin makes no failure good
            job = job.model_copy(update={"outcome": outcome})
        if busy and job.makes_up and job.next is not None:
            soon = self.world.clock() + BUSY_AGAIN_SECONDS
            job = job.model_copy(update={"next": min(job.next, soon)})
        self.save(job)

    def _failed(self, job: Job) -> bool:
        return (job.outcome or "").startswith(FAILED)

    def failures(self) -> dict[str, str]:
        """Job -> why its last run failed, of those that have a rule and do not run now."""
        jobs = [self.job(name) for name in self.works if not self._runs(name)]
        failed = [job for job in jobs if job is not None and self._failed(job)]
        return {job.name: str(job.outcome).removeprefix(FAILED) for job in failed}

    def _runs(self, name: str) -> bool:
        return name in self.running and not self.running[name].done()

    async def watch(self) -> None:
        """Until it is cancelled, and with it what it began."""
        try:
            await self._for_ever()
        finally:
            for task in self.running.values():
                task.cancel()

    async def _for_ever(self) -> None:
        while True:
            wait = self.look()
            self.changed.clear()
            try:
                async with asyncio.timeout(wait):
                    await self.changed.wait()
            except TimeoutError:
                continue

    def set(self, name: str, rule: str | None) -> None:
        """Another rule, `off`, or None for the settings' own again. Raises Refused."""
        self.known(name)
        if rule is not None and rule != OFF:
            check(rule)
        self.world.journal.set_fact(RULE + name, rule)
        self.changed.set()

    def known(self, name: str) -> None:
        if name not in self.works:
            raise Refused(f"no job {name!r}", f"jobs are: {', '.join(self.works)}", Exit.ABSENT)

    def view(self) -> list[dict[str, object]]:
        rows: list[dict[str, object]] = []
        for name in self.works:
            job = self.job(name)
            shown = job.model_dump() if job else {"name": name, "rule": OFF, "next": None}
            rows.append(shown | {"running": self._runs(name)})
        return rows
