"""What was spent is read from the archive, and from the sessions of what a crash cut off."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from daemon.broker.faults import Fault
from daemon.broker.metering import Meter
from daemon.core.budget import Spent
from daemon.core.candidate import Candidate, Stage
from daemon.core.clockwork import Pace
from daemon.core.goal import Budget, Goal
from daemon.state import goals
from daemon.supervisor import budgets, report, worked
from daemon.supervisor.broker import Door
from daemon.supervisor.schedule import Schedule
from daemon.supervisor.world import World
from ops.errors import Refused
from tests.night.clock import START, Clock, a_world

DAY_SECONDS = 86400


def spent(world: World, name: str, created: float, tokens: int, goal: str = "g1") -> None:
    world.journal.save_candidate(
        Candidate(
            id=name,
            state=Stage.REJECTED,
            goal="g",
            wish=Goal(id=goal, text="g"),
            created=int(created),
            ended=int(created) + 10,
            base="b",
            tokens=tokens,
            prompt_tokens=tokens,
            model="m",
        )
    )


def limited(world: World, **limits: object) -> World:
    budget = world.settings.budget.model_copy(update=limits)
    world.settings = world.settings.model_copy(update={"budget": budget})
    return world


def test_the_day_begins_at_midnight(tmp_path: Path) -> None:
    """However many candidates there are."""
    world = a_world(tmp_path, Clock())
    for number in range(120):
        spent(world, f"a{number:03}", START - 2 * DAY_SECONDS, 1000)
    for number in range(70):
        spent(world, f"b{number:03}", START - 60, 10)
    today = budgets.today(world)
    assert (today.tokens, today.cycles, today.wall_seconds, today.money) == (700, 70, 700.0, None)
    assert budgets.spent(world) is None
    assert "700 of 700 tokens" in str(budgets.spent(limited(world, day_tokens=700)))


def test_what_a_wrong_clock_dated_ahead_is_not_todays(tmp_path: Path) -> None:
    """It counts on the day that it names, once that has come."""
    clock = Clock()
    world = a_world(tmp_path, clock)
    spent(world, "c1", START - 60, 10)
    spent(world, "c2", START + 10 * DAY_SECONDS, 500)
    assert budgets.today(world).tokens == 10
    clock.now += 10 * DAY_SECONDS
    assert budgets.today(world).tokens == 500


def test_waiting_for_another_to_be_judged_costs_nothing(tmp_path: Path) -> None:
    """Authors side by side are judged in turn; the wall time of the second is its own."""
    world = a_world(tmp_path, Clock())
    spent(world, "c1", START - 60, 10)
    kept = world.journal.candidate("c1")
    assert kept is not None
    world.journal.save_candidate(kept.model_copy(update={"waited": 8}))
    assert budgets.today(world).wall_seconds == 2.0


def test_an_outage_and_a_clock_that_jumps_are_no_work(tmp_path: Path) -> None:
    """A draft of ten minutes with ten hours between its halves took ten minutes; what is left of
    its cycle's time is so much less, each time it is gone on with."""
    clock, steady = Clock(), Clock()
    world = a_world(tmp_path, clock)
    world.steady = steady
    goal = Goal(id="g1", text="g")
    candidate = Candidate(id="c1", goal="g", wish=goal, created=int(START), base="b", model="m")
    world.journal.save_candidate(candidate)

    async def work(seconds: float, jump: float) -> None:
        async with worked.counted(world, "c1"):
            clock.now, steady.now = clock.now + seconds + jump, steady.now + seconds

    whole = world.settings.author.wall_seconds
    for seconds, jump in ((300.0, 36_000.0), (200.0, -7_200.0), (100.0, 0.0)):
        before = budgets.of(world, candidate)
        allowed = budgets.allowance(world, goal, "m", before)
        assert allowed.budget.wall_seconds == whole - before.wall_seconds
        asyncio.run(work(seconds, jump))
    assert budgets.of_goal(world, goal).wall_seconds == 600.0  # also while nobody ended it
    done = worked.end(world, candidate.to(Stage.ABANDONED))
    assert (done.worked, budgets.of(world, done).wall_seconds) == (600.0, 600.0)
    assert world.journal.fact(worked.FACT + "c1") is None
    asyncio.run(work(whole, 0.0))
    with pytest.raises(Refused, match="1800 of 1800 wall seconds are spent"):
        budgets.allowance(world, goal, "m", budgets.of(world, candidate))


def test_a_killed_supervisor_takes_little_of_it_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The seconds are written down while they pass."""
    monkeypatch.setattr(worked, "KEPT_EVERY_SECONDS", 0.01)
    world = a_world(tmp_path, Clock())

    async def work() -> None:
        async with worked.counted(world, "c1"), asyncio.timeout(10):
            while float(world.journal.fact(worked.FACT + "c1") or 0.0) < 0.05:
                await asyncio.sleep(0.01)

    asyncio.run(work())


def test_what_a_crash_cut_off_was_spent_too(tmp_path: Path) -> None:
    """The recorded session is on disk before a reply is used; a torn last line is passed over."""
    world = a_world(tmp_path, Clock())
    spent(world, "c1", START - 60, 0)
    folder = world.layout.evidence / "c1"
    folder.mkdir()
    usage = {"prompt_tokens": 100, "completion_tokens": 20}
    line = json.dumps({"reply": [{"choices": []}, {"usage": usage}]})
    (folder / "session.jsonl").write_text(f'{{"session": 1}}\n{line}\n{line}\n{{"reply": [{{"us')
    assert budgets.today(world).tokens == 240


def test_a_broker_that_died_forgot_no_token(tmp_path: Path) -> None:
    """Its successor's meter begins at nothing; the session knows all that was paid for."""
    world = a_world(tmp_path, Clock())
    folder = world.layout.evidence / "c1"
    folder.mkdir()
    usage = {"prompt_tokens": 120, "completion_tokens": 25}
    line = json.dumps({"reply": [{"usage": usage}]})
    (folder / "session.jsonl").write_text(f'{{"session": 1}}\n{line}\n')
    lost = budgets.drafted(world, "c1", ((0, 0), Spent()), ((20, 5), 0.5))
    assert (lost["prompt_tokens"], lost["completion_tokens"], lost["money"]) == (120, 25, None)
    whole = budgets.drafted(world, "c1", ((100, 20), Spent(money=0.5)), ((500, 100), 0.5))
    assert whole == {
        "tokens": 720,
        "prompt_tokens": 600,
        "completion_tokens": 120,
        "money": pytest.approx(1.0),
    }


def test_an_author_may_spend_the_strictest(tmp_path: Path) -> None:
    """Of its cycle's, its goal's and the day's; nothing is left for a goal that spent it all."""
    world = limited(a_world(tmp_path, Clock()), day_tokens=5000, day_money=1.0)
    (tmp_path / "prices.toml").write_text('["m"]\ninput = 100\noutput = 100\n')
    spent(world, "c1", START - 60, 2000)
    goal = Goal(id="g1", text="g", budget=Budget(tokens=2500))
    found = budgets.allowance(world, goal, "m").budget
    assert (found.tokens, found.money) == (500, 0.8)
    assert found.wall_seconds == world.settings.author.wall_seconds
    other = goal.model_copy(update={"id": "g2"})
    assert budgets.allowance(world, other, "m").budget.tokens == 2500
    with pytest.raises(Refused, match="2000 of 1500 tokens are spent"):
        budgets.allowance(world, goal.model_copy(update={"budget": Budget(tokens=1500)}), "m")


def test_a_goal_that_spent_its_own_budget_lets_the_next_one_come(tmp_path: Path) -> None:
    """It stays as it is, and a person is told."""
    world = a_world(tmp_path, Clock())
    small = Goal(id="g1", text="g", budget=Budget(tokens=100))
    for goal in (small, Goal(id="g2", text="h")):
        world.journal.save_goal(goal)
    spent(world, "c1", START - 60, 120)
    assert goals.following(world.journal, None, budgets.exhausted(world)).id == "g2"
    asked = [one["what"] for one in report.needs(world, Pace(), Schedule(world, {}))]
    assert any("g1" in what and "120 of 100 tokens are spent" in what for what in asked)


def test_money_that_nobody_can_count_is_not_spent(tmp_path: Path) -> None:
    world = limited(a_world(tmp_path, Clock()), day_money=1.0)
    with pytest.raises(Refused, match="nobody said what m costs"):
        budgets.allowance(world, Goal(id="g1", text="g"), "m")
    budgets.allowance(world, Goal(id="g1", text="g"), "recorded")


def test_calls_are_paid_for_at_most_one_too_many() -> None:
    """Each is reserved before it is made; side by side they overshoot no more than one does."""
    meter = Meter(money_max=1.0, prices={"m": (100.0, 100.0)})  # ten thousand tokens buy it all
    first = meter.begin("m", 4_000, 3_000)
    with pytest.raises(Fault, match="reserved"):
        meter.begin("m", 4_000 * 4, 5_000)
    first.saw({"choices": [], "usage": {"prompt_tokens": 9_000, "completion_tokens": 3_000}})
    meter.end(first)
    assert meter.money == pytest.approx(1.2)
    with pytest.raises(Fault, match="is spent"):
        meter.begin("m", 4, 1)


def test_what_a_candidate_asks_while_it_is_judged_is_its_own(tmp_path: Path) -> None:
    """Limited by what is left of the day, by the setting else; charged to it, and to no canary."""
    world = limited(a_world(tmp_path, Clock()), day_tokens=1_000)
    spent(world, "c1", START - 60, 400)
    assert budgets.for_judging(world, "c1")["tokens_max"] == 600
    usage = {"prompt_tokens": 20, "completion_tokens": 30, "money": None}
    for name in ("c1", "a canary"):
        budgets.charge(world, name, usage)
    assert budgets.today(world).tokens == 450
    assert budgets.for_judging(world, "c1")["tokens_max"] == 550
    assert budgets.for_judging(limited(world, day_tokens=450), "c1")["tokens_max"] == 0
    free = limited(world, day_tokens=None)
    most = free.settings.policy.judging_tokens_max
    assert budgets.for_judging(free, "c1")["tokens_max"] == most


def test_money_is_what_the_broker_counted(tmp_path: Path) -> None:
    """Not what all tokens would have cost of the first model: another may have answered."""
    world = a_world(tmp_path, Clock())
    (world.layout.home / "prices.toml").write_text("[m]\ninput = 1.0\noutput = 1.0\n")
    spent(world, "c1", START - 60, 1_000_000)
    assert budgets.today(world).money == pytest.approx(1.0)
    known = world.journal.candidate("c1")
    assert known is not None
    world.journal.save_candidate(known.model_copy(update={"money": 7.0}))
    assert budgets.today(world).money == pytest.approx(7.0)
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "money": 0.5}
    budgets.charge(world, "c1", usage)
    assert budgets.today(world).money == pytest.approx(7.5)


def test_a_door_that_is_opened_again_has_what_is_left(tmp_path: Path) -> None:
    """The account went with the broker that died; what was recorded stays."""
    record = tmp_path / "session.jsonl"
    line = {"reply": [{"usage": {"prompt_tokens": 60, "completion_tokens": 40}}]}
    record.write_text(f"{{}}\n{json.dumps(line)}\n")
    limits = {"tokens_max": 1_000, "money_max": 1.0, "prices": {"m": (1_000.0, 2_000.0)}}
    door = Door("c1", tmp_path, {**limits, "record": str(record)}, recorded=(60, 40))
    assert door.left() == door.limits
    record.write_text(record.read_text() + 2 * (json.dumps(line) + "\n"))
    assert (door.left()["tokens_max"], door.left()["money_max"]) == (800, pytest.approx(0.6))
