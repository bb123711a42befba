"""Kill -9 at every fault point: of the supervisor at each passing, of all others at each name."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.crash.instance import Target, target
from tests.journeys.instance import Home

pytestmark = pytest.mark.crash

DOES = ("evolve", "rollback", "choose", "breach", "collect")
OTHERS = ("broker", "current", "candidate", "author", "jury")
INSTANTS = 75  # of each seed: 300 in all
SEEDS = (20261121, 20261122, 20261123, 20261124)
LONGEST_SECONDS = 3.0
EVENT = "journal.event"


def chosen(points: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """Every passing of every point; of the event log, which nothing depends on, first and last."""
    kept = [point for point in points if not point[0].startswith(EVENT)]
    events = [point for point in points if point[0].startswith(EVENT)]
    return kept + events[:2] + events[-2:]


def strike_at_all(under: Target, victim: str, does: str, points: list[tuple[str, int]]) -> None:
    struck = 0
    for name, number in points:
        struck += under.strike(victim, name, number, getattr(under, does))
        try:
            under.check()
            if (victim, does) == ("supervisor", "evolve"):
                under.check_nothing_is_lost()
        except AssertionError as wrong:
            raise AssertionError(f"{victim} killed at {name} #{number} of {does}") from wrong
    print(f"\n{does}: {victim} killed at {struck} of {len(points)} points, all whole afterwards")
    assert struck >= len(points) * 0.75  # a breach is seen a look earlier at times, by other points


@pytest.mark.parametrize("does", DOES)
def test_the_supervisor_dies_at_every_point(does: str, home: Home, tmp_path: Path) -> None:
    """Afterwards one story is told, and the next time it works as if nothing had been."""
    with target(home, tmp_path / "repo") as under:
        assert under.evolve()["outcome"] == "promoted"
        points = chosen(under.traced(getattr(under, does)))
        if does == "breach":  # what comes before is a cycle like any other
            names = [name for name, _ in points]
            points = points[names.index("serving.drain.after") :]
        strike_at_all(under, "supervisor", does, points)
        assert under.evolve()["outcome"] == "promoted"
        under.check()


@pytest.mark.parametrize(
    ("victim", "does"), [*((one, "evolve") for one in OTHERS), ("current", "choose")]
)
def test_any_other_process_dies_at_every_point(
    victim: str, does: str, home: Home, tmp_path: Path
) -> None:
    """It ends with a reason, or goes on; what serves is back at once, and serves alone."""
    with target(home, tmp_path / "repo") as under:
        assert under.evolve()["outcome"] == "promoted"
        names = dict.fromkeys(name for name, _ in under.traced(getattr(under, does)))
        strike_at_all(under, victim, does, [(name, 1) for name in names])
        assert under.evolve()["outcome"] == "promoted"
        under.check()


def test_the_supervisor_dies_again_while_it_recovers(home: Home, tmp_path: Path) -> None:
    """A second death at each point of the recovery from the first one, in the midst of a switch."""
    with target(home, tmp_path / "repo") as under:
        under.evolve()
        first = ("serving.accept.before", 2)
        points = chosen(under.traced(lambda: under.strike("supervisor", *first, under.evolve)))
        reached = [name for name, _ in points].index("serving.accept.before")
        for name, number in points[reached:]:
            under.strike_twice(first, (name, number), under.evolve)
            under.check()


@pytest.mark.parametrize("seed", SEEDS)
def test_random_instants(seed: int, home: Home, tmp_path: Path) -> None:
    """Deaths of random processes at random moments of random acts, each time the same ones."""
    dice = random.Random(seed)
    with target(home, tmp_path / "repo") as under:
        under.evolve()
        for number in range(INSTANTS):
            does = dice.choice(("evolve", "evolve", "rollback", "collect"))
            victim = dice.choice(("supervisor", "supervisor", *OTHERS))
            after = dice.uniform(0.0, LONGEST_SECONDS if does == "evolve" else 0.3)
            under.strike_after(victim, after, getattr(under, does))
            try:
                under.check()
            except AssertionError as wrong:
                text = f"instant {number} of {seed}: {victim} killed {after:.3f} s into {does}"
                print(under.told())
                raise AssertionError(text) from wrong
        print(f"\n{INSTANTS} random instants of {seed}, all whole afterwards")
