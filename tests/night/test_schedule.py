"""Jobs by the clock: persistence, misses and jumps, with a fake clock and real time."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from daemon.state.journal import Journal
from daemon.supervisor.habits import keep
from daemon.supervisor.schedule import Schedule, Work
from ops.errors import Exit, Failed, Refused
from ops.lease import hold
from tests.night.clock import START, Clock, a_world


class Counted:
    def __init__(self) -> None:
        self.runs = 0

    async def __call__(self) -> str:
        self.runs += 1
        return f"run {self.runs}"


async def looked(schedule: Schedule) -> None:
    schedule.look()
    await asyncio.gather(*schedule.running.values())


def test_a_night_of_a_fake_clock(tmp_path: Path) -> None:
    """Runs on time, is missed when asleep, survives a restart and a clock that is set back."""

    async def night() -> None:
        clock, cycles, verify = Clock(), Counted(), Counted()
        works = {"cycles": cycles, "verify": verify}
        world = a_world(tmp_path, clock, cycles="0 * * * *", verify="30 22 * * *")
        schedule = Schedule(world, works)
        await looked(schedule)
        assert (cycles.runs, verify.runs) == (0, 0)
        clock.now = START + 61
        await looked(schedule)
        await looked(schedule)
        assert (cycles.runs, verify.runs) == (1, 0)
        clock.now += 10 * 3600 + 1200  # asleep until 08:20: twenty minutes after the hour
        schedule = Schedule(world, works)  # and started anew
        await looked(schedule)
        assert (cycles.runs, verify.runs) == (1, 1)  # house-keeping is made up for, once
        outcomes = {job["name"]: job["outcome"] for job in schedule.view()}
        assert str(outcomes["cycles"]).startswith("missed by ")
        assert outcomes["verify"] == "run 1"
        clock.now -= 6 * 3600  # set back to 02:20
        await looked(schedule)
        clock.now += 2400
        await looked(schedule)
        assert cycles.runs == 2  # at 03:00 by the new clock, not at 09:00

    asyncio.run(night())


class FullDisk(Journal):
    """A journal on a disk that is full while `full` says so."""

    full = False

    def set_fact(self, name: str, value: str | None) -> None:
        if self.full:
            raise Failed("the journal: database or disk is full")
        super().set_fact(name, value)


def test_a_full_disk_stops_no_schedule(tmp_path: Path) -> None:
    """What cannot be written down is told; the jobs go on once it can be."""

    async def night() -> None:
        clock, cycles = Clock(), Counted()
        world = a_world(tmp_path, clock, cycles="every 10s")
        journal = world.journal = FullDisk(world.layout.journal)
        schedule = Schedule(world, {"cycles": cycles})
        await looked(schedule)
        journal.full, clock.now = True, START + 10
        await looked(schedule)
        assert cycles.runs == 0
        assert "disk is full" in world.journal.last_events(1)[0]["text"]
        await schedule._run("cycles")  # one that was under way when the disk became full
        assert world.journal.last_events(1)[0]["text"] == "schedule: cycles: run 1"
        journal.full = False
        await looked(schedule)
        assert cycles.runs == 2

    asyncio.run(night())


def test_one_bad_job_stops_no_other(tmp_path: Path) -> None:
    """Neither a rule that cannot be read, nor a fault of the world in a job, which is told."""

    async def night() -> None:
        async def broken() -> str:
            raise OSError(28, "No space left on device")

        clock, cycles = Clock(), Counted()
        world = a_world(tmp_path, clock, verify="sometimes", backup="every 10s", cycles="every 10s")
        works = {"verify": Counted(), "backup": broken, "cycles": cycles}
        schedule = Schedule(world, works)
        await looked(schedule)
        clock.now += 10
        await looked(schedule)
        assert cycles.runs == 1
        outcomes = {job["name"]: job.get("outcome") for job in schedule.view()}
        assert "No space left on device" in str(outcomes["backup"])

    asyncio.run(night())


def test_a_bug_in_a_job_is_told_and_the_next_run_comes(tmp_path: Path) -> None:
    async def night() -> None:
        runs = []

        async def work() -> str:
            runs.append(1)
            return {1: "done"}[len(runs) - 1]

        clock = Clock()
        schedule = Schedule(a_world(tmp_path, clock, verify="every 10s"), {"verify": work})
        schedule.look()
        for _ in range(2):
            clock.now += 10
            schedule.look()
            await asyncio.wait(schedule.running.values())
        told = [one["text"] for one in schedule.world.journal.last_events(2)]
        assert told == ["a bug ended the job verify: KeyError: 0", "schedule: verify: done"]

    asyncio.run(night())


def test_a_habit_that_a_bug_ended_is_told_and_begins_again(tmp_path: Path) -> None:
    """One that comes to its end by itself is over; one that is cancelled takes its work along."""

    async def life() -> None:
        world, begun = a_world(tmp_path, Clock()), []

        async def habit() -> None:
            begun.append(1)
            if len(begun) < 3:
                raise KeyError("No time zone")

        async with asyncio.timeout(10):
            await keep(world, "the schedule", habit, again_seconds=0.01)
        assert len(begun) == 3
        told = [one["text"] for one in world.journal.last_events(9)]
        assert told == ["a bug ended the schedule: KeyError: 'No time zone'"] * 2
        ended = asyncio.Event()

        async def watch() -> None:
            try:
                await asyncio.sleep(3600)
            finally:
                ended.set()

        keeping = asyncio.create_task(keep(world, "the watcher", watch))
        await asyncio.sleep(0.01)
        keeping.cancel()
        async with asyncio.timeout(10):
            await ended.wait()

    asyncio.run(life())


def test_house_keeping_that_meets_a_running_cycle_is_made_up_for(tmp_path: Path) -> None:
    """A minute later, and again, told once; a cycle waits for its next time."""

    async def night() -> None:
        clock, tried = Clock(), []
        world = a_world(tmp_path, clock, canaries="0 22 * * fri", cycles="0 22 * * *")

        def work(name: str) -> Work:
            async def busy() -> str:
                tried.append(name)
                with hold(world.layout.lease, f"trying {name}"):
                    return "done"

            return busy

        schedule = Schedule(world, {name: work(name) for name in ("canaries", "cycles")})
        await looked(schedule)
        with hold(world.layout.lease, "evolving"):
            for seconds in (61, 59, 1, 60):
                clock.now += seconds
                await looked(schedule)
            assert tried == ["canaries", "cycles", "canaries", "canaries"]
        schedule = Schedule(world, schedule.works)  # also by the next supervisor
        clock.now += 61
        await looked(schedule)
        assert tried[4:] == ["canaries"]
        clock.now += 61
        await looked(schedule)
        assert tried[5:] == []
        job = schedule.job("canaries")
        assert job is not None and job.outcome == "done"
        assert job.next == START + 60 + 7 * 86400
        told = [one["text"] for one in world.journal.last_events(9)]
        assert len([text for text in told if "canaries: put off: busy" in text]) == 1, told

    asyncio.run(night())


def test_a_retry_is_no_later_than_the_next_regular_time(tmp_path: Path) -> None:
    async def night() -> None:
        async def busy() -> str:
            raise Refused("busy: evolving", "", Exit.BUSY)

        clock = Clock()
        schedule = Schedule(a_world(tmp_path, clock, gc="every 10s"), {"gc": busy})
        await looked(schedule)
        clock.now += 10
        await looked(schedule)
        job = schedule.job("gc")
        assert job is not None and job.next == clock.now + 10

    asyncio.run(night())


def test_what_holds_the_cycles_is_told_once(tmp_path: Path) -> None:
    """Until something else does, or they went on meanwhile; all else is told each time."""

    async def night() -> None:
        said = iter(("held: a", "held: a", "held: b", "run", "run", "held: b", "held: b"))

        async def work() -> str:
            return next(said)

        schedule = Schedule(a_world(tmp_path, Clock()), {"cycles": work})
        for _ in range(7):
            schedule.begin("cycles")
            await asyncio.gather(*schedule.running.values())
        told = [one["text"].split(": ", 2)[2] for one in schedule.world.journal.last_events(9)]
        assert told == ["held: a", "held: b", "run", "run", "held: b"]

    asyncio.run(night())


def test_one_run_of_a_job_at_a_time(tmp_path: Path) -> None:
    async def busy() -> None:
        clock, running = Clock(), asyncio.Event()
        runs = []

        async def slow() -> str:
            runs.append(1)
            await running.wait()
            return "done"

        schedule = Schedule(a_world(tmp_path, clock, cycles="every 10s"), {"cycles": slow})
        for _ in range(4):
            schedule.look()
            clock.now += 11
            await asyncio.sleep(0)
        assert len(runs) == 1
        running.set()
        await asyncio.gather(*schedule.running.values())

    asyncio.run(busy())


def test_real_time_and_a_rule_that_a_person_changes(tmp_path: Path) -> None:
    """Within a second of being told, and again a second later."""

    async def real() -> None:
        cycles, ended = Counted(), asyncio.Event()

        async def work() -> str:
            said = await cycles()
            if cycles.runs == 2:
                ended.set()
            return said

        world = a_world(tmp_path, Clock(), cycles="")
        world.clock = time.time
        schedule = Schedule(world, {"cycles": work})
        watching = asyncio.create_task(schedule.watch())
        await asyncio.sleep(0)
        schedule.set("cycles", "every 1s")
        async with asyncio.timeout(10):
            await ended.wait()
        schedule.set("cycles", "off")
        assert schedule.view()[0]["rule"] == "off"
        watching.cancel()

    asyncio.run(real())


def test_a_job_that_is_not_there_is_refused(tmp_path: Path) -> None:
    schedule = Schedule(a_world(tmp_path, Clock()), {"cycles": Counted()})
    with pytest.raises(Refused):
        schedule.set("sleep", "every 1h")
    with pytest.raises(Refused):
        schedule.set("cycles", "now and then")
