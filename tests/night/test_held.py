"""What holds cycles: a window of the week, the time of a day, the disk; each is told."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from daemon.core import release as releases
from daemon.core.candidate import Candidate, Stage
from daemon.core.goal import Goal
from daemon.supervisor import budgets, frozen
from daemon.supervisor.cycle import Cycle
from daemon.supervisor.schedule import Schedule
from daemon.supervisor.verbs import Verbs
from daemon.supervisor.world import World
from ops.errors import Exit, Refused
from ops.history import History
from ops.records import RefChange
from tests.night.clock import START, Clock, a_world
from tests.night.test_budgets import limited, spent
from tests.night.test_outcomes import ONE, commit
from tests.night.test_pace import Nights

GOAL = Goal(id="g1", text="count")
WINDOW = "fri 22:00-23:00"  # it begins a minute after START
HOUR_SECONDS = 3600


class Promoting(Cycle):
    """A cycle whose promotions always hold."""

    async def promote(self, candidate: Candidate) -> Candidate:
        return self.move(candidate, Stage.PROMOTED, release="release/1")


def judged(world: World, name: str) -> Stage:
    """Where a candidate is in the end that passed, and that nobody need approve."""
    nobody = cast("Any", None)
    candidate = Candidate(
        id=name, state=Stage.JUDGED, passed=True, goal="count", wish=GOAL, created=1, base="b"
    )
    return asyncio.run(Promoting(world, nobody, nobody, nobody).take_up(candidate)).state


def test_no_cycle_begins_in_a_window_of_the_week(tmp_path: Path) -> None:
    """Why is told, once; when the window is over, the next one begins by the same rule."""

    async def night() -> None:
        nights = Nights(tmp_path, freeze=(WINDOW,), cycles="*/30 * * * *")
        schedule = Schedule(nights.world, {"cycles": nights.night.cycle})

        async def at(seconds: float) -> str:
            nights.clock.now = START + seconds
            schedule.look()
            await asyncio.gather(*schedule.running.values())
            return str(schedule.view()[0].get("outcome"))

        await at(0)
        for seconds in (61, 1861):  # 22:00:01 and 22:30:01
            said = await at(seconds)
            assert said == f"held: promotions are frozen at this time ({WINDOW})"
            assert nights.begun == 0
        await at(3661)
        assert nights.begun == 1
        told = [one["text"] for one in nights.world.journal.last_events(9)]
        assert sum(WINDOW in text for text in told) == 1

    asyncio.run(night())


def test_no_promotion_happens_in_a_window_of_the_week(tmp_path: Path) -> None:
    """What passed waits, and who asks for it is told of the window; before and after it goes in."""
    clock = Clock()
    world = a_world(tmp_path, clock, freeze=(WINDOW,))
    assert judged(world, "c1") is Stage.PROMOTED
    clock.now = START + 60
    assert judged(world, "c2") is Stage.JUDGED
    with pytest.raises(Refused, match=WINDOW) as refused:
        frozen.refuse(world)
    assert (refused.value.code, "[schedule] freeze" in refused.value.hint) == (Exit.BUSY, True)
    clock.now = START + 60 + HOUR_SECONDS
    frozen.refuse(world)
    assert judged(world, "c3") is Stage.PROMOTED


def supervised(nights: Nights, cycle: Cycle) -> Verbs:
    """All that orgctl may ask, around `cycle`; nothing else is asked of."""
    History.create(nights.world.layout.repo)
    nights.world.history.move([RefChange(releases.MAIN, commit(nights.world, ONE), None)])
    nobody = cast("Any", SimpleNamespace(turn=None))
    return Verbs(nights.world, nobody, nobody, cycle, asyncio.Event())


def test_what_had_its_yes_while_it_was_frozen_goes_in_once_it_is_not(tmp_path: Path) -> None:
    """By itself, with the next cycle; what still wants one waits on."""
    nights = Nights(tmp_path, freeze=(WINDOW,))
    world, nobody = nights.world, cast("Any", None)
    verbs = supervised(nights, Promoting(world, nobody, nobody, nobody))
    for name in ("c1", "c2"):
        waits = Candidate(
            id=name, state=Stage.JUDGED, passed=True, needs_approval=True, goal="count",
            created=1, ended=2, base="b",
        )  # fmt: skip
        world.journal.save_candidate(waits)
    nights.clock.now = START + 60
    with pytest.raises(Refused, match=WINDOW):
        asyncio.run(verbs.approve({"candidate": "c2"}))
    cycle = verbs.nights.night.cycle
    assert asyncio.run(cycle()).startswith("held: promotions are frozen at this time")
    nights.clock.now = START + 60 + HOUR_SECONDS
    assert asyncio.run(cycle()) == "cand/c2 is now promoted"
    assert [one.id for one in world.journal.open_candidates()] == ["c1"]
    assert asyncio.run(cycle()).startswith("nothing to do")


class Outdated(Cycle):
    """A cycle whose verdicts are of another main, where a yes was not wanted."""

    wanted = True

    def _stale(self, candidate: Candidate) -> bool:
        return candidate.needs_approval is not self.wanted

    async def judge(self, candidate: Candidate) -> Candidate:
        candidate = self.move(candidate, Stage.BUILT)
        return self.move(candidate, Stage.JUDGED, passed=True, needs_approval=self.wanted)

    async def _promote(self, candidate: Candidate) -> Candidate:
        return self.move(candidate, Stage.PROMOTED, release="release/1")


@pytest.mark.parametrize(
    ("wanted", "approved", "window", "stage"),
    [
        (True, False, False, Stage.JUDGED),
        (True, True, False, Stage.PROMOTED),
        (False, False, False, Stage.PROMOTED),
        (False, False, True, Stage.JUDGED),
    ],
)
def test_what_is_judged_anew_is_held_to_what_holds_now(
    tmp_path: Path, wanted: bool, approved: bool, window: bool, stage: Stage
) -> None:
    """It may touch what is protected by now, and a window may have begun meanwhile."""
    world, nobody = a_world(tmp_path, clock := Clock(), freeze=(WINDOW,)), cast("Any", None)
    clock.now = START + 60 * window
    cycle = Outdated(world, nobody, nobody, nobody)
    cycle.wanted = wanted
    waits = Candidate(
        id="c1", state=Stage.JUDGED, passed=True, needs_approval=not wanted, approved=approved,
        goal="count", created=1, ended=2, base="b",
    )  # fmt: skip
    assert asyncio.run(cycle.promote_waiting(waits)).state is stage


def test_no_cycle_begins_once_the_days_time_is_spent(tmp_path: Path) -> None:
    """Until midnight; what was made is kept, and an author gets no more than what is left."""
    nights = Nights(tmp_path)
    world = limited(nights.world, day_wall_seconds=15.0)
    spent(world, "c1", START - 60, 10)  # ten seconds
    assert budgets.allowance(world, GOAL, "m").budget.wall_seconds == 5.0
    nights.cycle()
    assert nights.begun == 1
    spent(world, "c2", START - 30, 10)
    nights.clock.now += HOUR_SECONDS  # as long as a dead model might be waited for
    assert nights.cycle() == "held: the day's budget: 20 of 15 wall seconds are spent"
    with pytest.raises(Refused, match="the day's budget: 20 of 15 wall seconds"):
        budgets.allowance(world, GOAL, "m")
    assert nights.begun == 1
    assert [one.id for one in world.journal.candidates(limit=9)] == ["c2", "c1"]
    nights.clock.now += 2 * HOUR_SECONDS  # past midnight
    nights.cycle()
    assert nights.begun == 2


def test_no_cycle_begins_while_org_has_more_disk_than_it_may(tmp_path: Path) -> None:
    """It ends at that, cleanly, and says how to go on; with room again the next one begins."""
    nights = Nights(tmp_path)
    world = limited(nights.world, disk_bytes=2**20)
    filler = world.layout.evidence / "filler"
    filler.write_bytes(b"x" * 2**20)
    said = "more than 1048576 bytes of disk are used; free some with: orgctl gc"
    assert nights.cycle() == f"held: {said}"
    assert (nights.begun, nights.night.pace().streak) == (0, 0)
    assert cast("Any", budgets.view(world))["held"] == said
    filler.unlink()
    nights.cycle()
    assert (nights.begun, budgets.spent(world)) == (1, None)
