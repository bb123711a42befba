"""What the morning's report covers: all since the one before, by when it came to its end."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import pytest

from daemon.core import release as releases
from daemon.core.candidate import Candidate, Stage
from daemon.core.events import Kind
from daemon.core.goal import Goal
from daemon.core.promotion import Promotion, State
from daemon.supervisor.cycle import Cycle
from daemon.supervisor.night_verbs import NightVerbs
from daemon.supervisor.world import World
from ops.history import History
from ops.records import RefChange
from tests.night.clock import Clock, a_world
from tests.night.test_outcomes import ONE, commit

SEVEN = datetime.fromisoformat("2026-11-21 07:00:00").timestamp()
MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
GOAL = Goal(id="g1", text="count")


class Mornings:
    """An instance that reports, at whatever time the test wants."""

    def __init__(self, tmp_path: Path) -> None:
        History.create(tmp_path / "repo.git")
        self.clock = Clock()
        self.clock.now = SEVEN
        self.world: World = a_world(tmp_path, self.clock)
        self.world.history.move([RefChange(releases.MAIN, commit(self.world, ONE), None)])
        nobody = cast("Any", None)
        self.cycle = Cycle(self.world, nobody, nobody, nobody)
        verbs = dict.fromkeys(("verify", "promote", "gc"), nobody)
        self.verbs = NightVerbs(self.world, self.cycle, verbs, nobody)

    def at(self, when: float) -> dict[str, Any]:
        """What the job by the clock writes down then."""
        self.clock.now = when
        asyncio.run(self.verbs.schedule.works["report"]())
        name = f"{datetime.fromtimestamp(when):%Y-%m-%dT%H%M%S}.json"
        kept = self.world.layout.evidence / "reports" / name
        return cast("dict[str, Any]", json.loads(kept.read_bytes()))

    def begun(self, name: str, when: float, **known: Any) -> Candidate:
        main = self.world.main()
        candidate = Candidate(
            id=name, goal="count", wish=GOAL, created=int(when), base=main, tokens=7, head=main
        ).model_copy(update=known)
        self.world.journal.save_candidate(candidate)
        return candidate

    def ended(self, candidate: Candidate, stage: Stage, when: float) -> None:
        """As a cycle ends one."""
        self.clock.now = when
        done = self.cycle.move(candidate, stage, reason="tests: 1 failed")
        done = done.model_copy(update={"ended": int(when)})
        self.world.journal.save_candidate(done)


@pytest.fixture
def mornings(tmp_path: Path) -> Mornings:
    return Mornings(tmp_path)


def test_each_end_is_told_by_the_report_that_sees_it(mornings: Mornings) -> None:
    """A candidate that was at work at the time of one is told by the next, with its end."""
    drafting = mornings.begun("c1", SEVEN - 10 * MINUTE)
    first = mornings.at(SEVEN)
    assert first["outcomes"] == {"drafting": 1}
    mornings.ended(drafting, Stage.REJECTED, SEVEN + 10 * MINUTE)
    second = mornings.at(SEVEN + DAY)
    assert (second["outcomes"], second["gates"]) == ({"rejected": 1}, {"author": 1})
    assert (second["since"], second["spent"]["tokens"]) == (first["until"], 7)
    assert mornings.at(SEVEN + 2 * DAY)["tried"] == 0


@pytest.mark.parametrize("later", [25 * HOUR, DAY + 2 * HOUR, 7 * DAY])
def test_no_hour_falls_between_two_reports(mornings: Mornings, later: float) -> None:
    """The longest day of the year, a report that is made up late, one a week."""
    mornings.at(SEVEN)
    drafting = mornings.begun("c1", SEVEN + MINUTE)
    mornings.ended(drafting, Stage.REJECTED, SEVEN + 2 * MINUTE)
    assert mornings.at(SEVEN + later)["outcomes"] == {"rejected": 1}


def test_two_reports_of_a_day_are_both_kept(mornings: Mornings) -> None:
    mornings.at(SEVEN)
    mornings.at(SEVEN + HOUR)
    assert len(list((mornings.world.layout.evidence / "reports").iterdir())) == 2


def test_what_a_person_decides_days_later_is_told_then(mornings: Mornings) -> None:
    """It waits in each report until then, and cost something in the first one only."""
    early = SEVEN - HOUR
    waiting = mornings.begun("c1", early, state=Stage.JUDGED, passed=True, ended=int(early) + 9)
    told = [mornings.at(SEVEN + days * DAY) for days in range(3)]
    assert [one["outcomes"] for one in told] == [{"awaiting-approval": 1}] * 3
    assert [one["spent"]["tokens"] for one in told] == [7, 0, 0]
    mornings.clock.now += HOUR
    mornings.cycle.move(waiting, Stage.PROMOTED, release="release/1")
    found = mornings.at(SEVEN + 3 * DAY)
    assert (found["outcomes"], found["spent"]["tokens"]) == ({"promoted": 1}, 0)


def test_what_is_taken_back_after_a_report_is_told_by_the_next(mornings: Mornings) -> None:
    """By when it was taken back, not by when its promotion began."""
    world, merge = mornings.world, commit(mornings.world, ONE, mornings.world.main(), message="m")
    done = mornings.begun("c1", SEVEN - HOUR, state=Stage.JUDGED, merge=merge)
    mornings.ended(done, Stage.PROMOTED, SEVEN - 2 * MINUTE)
    assert mornings.at(SEVEN)["outcomes"] == {"promoted": 1}
    mornings.clock.now = SEVEN + 2 * MINUTE
    back = Promotion(
        id="p1", state=State.REVERTED, candidate="c1", main=merge, merge=merge,
        former=done.base, reason="slow", when=int(SEVEN) - 120,
    )  # fmt: skip
    world.journal.save_promotion(back)
    world.tell(Kind.PROMOTION, "c1", id=back.id, state=str(back.state), reason=back.reason)
    found = mornings.at(SEVEN + DAY)
    assert [one["reason"] for one in found["reverted"]] == ["slow"]
    world.tell(Kind.NOTICE, text="it is a day later")
    assert mornings.at(SEVEN + 2 * DAY)["reverted"] == []


def test_the_notice_tells_what_was_taken_back(mornings: Mornings) -> None:
    """Also of a candidate that an earlier report has told."""
    world = mornings.world
    mornings.at(SEVEN)
    back = Promotion(
        id="p1", state=State.REVERTED, candidate="c1", main="m", merge="m", former="f",
        when=int(SEVEN) + 1,
    )  # fmt: skip
    world.journal.save_promotion(back)
    mornings.clock.now = SEVEN + DAY
    said = asyncio.run(mornings.verbs.schedule.works["report"]())
    assert said.startswith("1 taken back that served before;")


def test_a_report_since_the_first_second_of_all_covers_all(mornings: Mornings) -> None:
    """Which is 0, and no word for nothing."""
    old = mornings.begun("c1", 5.0)
    mornings.ended(old, Stage.REJECTED, 6.0)
    mornings.clock.now = SEVEN
    asked = [asyncio.run(mornings.verbs.report(what)) for what in ({"since": 0.0}, {})]
    assert [one["tried"] for one in asked] == [1, 0]


def test_a_clock_that_was_set_back_reports_a_day(mornings: Mornings) -> None:
    mornings.at(SEVEN + DAY)
    assert mornings.at(SEVEN)["since"] == SEVEN - DAY
