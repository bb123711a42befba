"""How tries end: whose fault it was, what is remembered of it, and what becomes of the goal."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
from pathlib import Path
from typing import Any, cast

import pytest

from daemon.core import release as releases
from daemon.core.candidate import Candidate, Stage
from daemon.core.clockwork import Pace
from daemon.core.goal import Goal
from daemon.core.project import State
from daemon.core.promotion import Promotion
from daemon.core.promotion import State as PromotionState
from daemon.state import goals, projects
from daemon.supervisor import bad, ideas, outcome, report
from daemon.supervisor.author import Draft
from daemon.supervisor.cycle import Cycle
from daemon.supervisor.schedule import Schedule
from daemon.supervisor.wish import Wish
from daemon.supervisor.world import World
from ops.errors import Exit, Failed, Refused
from ops.history import History
from ops.records import RefChange
from tests.night.clock import START, Clock, a_world

GOAL = Goal(id="g1", text="count", tries=2)
ONE, TWO = "def f():\n    return 1\n", "def f():\n    return 2\n"


def commit(world: World, text: str, *parents: str, message: str = "x") -> str:
    data = text.encode()
    oid = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
    world.history.write_blobs({oid: data})
    tree = world.history.write_tree([("100644", oid, "a.py")])
    return world.history.commit(tree, parents, message, int(START))


@pytest.fixture
def world(tmp_path: Path) -> World:
    """With one goal, and a main of one file."""
    History.create(tmp_path / "repo.git")
    world = a_world(tmp_path, Clock())
    world.history.move([RefChange(releases.MAIN, commit(world, ONE), None)])
    world.journal.save_goal(GOAL)
    return world


def tried(world: World, name: str = "c1", **known: Any) -> Candidate:
    """A try that changed the one file, as far as its judgement."""
    base = world.main()
    head = commit(world, TWO, base)
    candidate = Candidate(
        id=name, goal="count", wish=GOAL, created=int(START), base=base, head=head, tokens=7
    ).model_copy(update=known)
    ideas.began(world, candidate, GOAL)
    ideas.reviewing(world, candidate)
    world.journal.save_candidate(candidate)
    return candidate


def waiting(world: World) -> Candidate:
    """One that passed and waits for a person."""
    candidate = tried(world, state=Stage.JUDGED, passed=True, needs_approval=True, ended=int(START))
    ideas.ended(world, candidate)
    return candidate


def project(world: World) -> Any:
    return projects.find(world.journal, "g1")


def a_cycle(world: World) -> Cycle:
    nobody = cast("Any", None)  # nothing is asked of the others
    return Cycle(world, nobody, nobody, nobody)


@pytest.mark.parametrize(
    ("trouble", "own"),
    [
        (Refused("only 10 MiB are free"), False),
        (Refused("nobody said what m costs"), False),
        (Refused("the lease is held", "", Exit.BUSY), False),
        (Failed("the broker does not answer"), False),
        (OSError(28, "No space left on device"), False),
        (Refused("it conflicts with main in a.py", "", Exit.JUDGED_NO), True),
    ],
)
def test_only_its_own_faults_cost_a_candidate_a_try(trouble: Exception, own: bool) -> None:
    assert outcome.is_own(trouble) is own


@pytest.mark.parametrize(
    ("status", "limit", "stage"),
    [
        ("tokens", "day", Stage.ABANDONED),
        ("time", "day", Stage.ABANDONED),
        ("limit", "goal", Stage.ABANDONED),
        ("tokens", "cycle", Stage.REJECTED),
        ("limit", "cycle", Stage.REJECTED),
        ("limit", None, Stage.REJECTED),
        ("steps", None, Stage.REJECTED),
        ("model", None, Stage.ABANDONED),
        ("crashed", None, Stage.ABANDONED),
    ],
)
def test_whose_limit_was_reached_tells_whose_fault_it_was(
    status: str, limit: str | None, stage: Stage
) -> None:
    """A cycle's is for one try; the day's and the goal's end is no fault of the idea."""
    candidate = Candidate(id="c1", goal="g", created=0, base="b")
    ended = outcome.unfinished(Draft("h", status, "it is spent", {}), candidate, limit)
    assert ended is not None
    assert ended[0] is stage


def test_a_fault_of_the_world_ends_a_cycle_without_a_try(world: World) -> None:
    """Here an instance that does not say where org's own code is."""
    cycle = a_cycle(world)
    model = world.settings.model.model_copy(update={"session": "any.jsonl"})
    world.settings = world.settings.model_copy(update={"model": model})
    world.steady = itertools.count(0, 5).__next__
    done = asyncio.run(cycle.run(cycle.open(GOAL), Wish(GOAL)))
    assert done.state is Stage.ABANDONED
    assert (done.worked, done.ended) == (5.0, int(START))
    assert "does not say where" in str(done.reason)
    assert project(world).tries == 0


def test_a_conflict_with_main_is_the_candidates_own(world: World) -> None:
    """Its merge is refused as judged, and so is a tree that failed in service before."""
    candidate = tried(world)
    served = commit(world, "other = 1\n", candidate.base)
    world.history.move([RefChange(releases.MAIN, served, candidate.base)])
    with pytest.raises(Refused, match="conflicts") as refusal:
        a_cycle(world).merge(candidate)
    assert outcome.is_own(refusal.value)
    world.history.move([RefChange(f"{releases.BAD}c0", served, None)])
    with pytest.raises(Refused, match="failed in service") as refusal:
        bad.refuse(world.history, served)
    assert outcome.is_own(refusal.value)


@pytest.mark.parametrize("passed", [None, False])
def test_only_what_a_gate_refused_is_not_judged_again(world: World, passed: bool | None) -> None:
    """A good idea whose merge conflicted may come once more."""
    candidate = tried(world, state=Stage.REJECTED, passed=passed, reason="no")
    ideas.ended(world, candidate)
    assert project(world).tries == 1
    again = tried(world, "c2", state=Stage.DRAFTED)
    assert (ideas.drop(world, again) is None) is (passed is None)
    assert "do not do this again" in project(world).told()


def test_a_long_change_is_the_same_only_when_all_of_it_is(world: World) -> None:
    """Its mend may stand below what is kept of a change."""
    long = "".join(f"x{number} = {number}\n" for number in range(2_000))
    wrong, right = (commit(world, f"{long}last = {last}\n", world.main()) for last in (1, 2))
    refused = tried(world, head=wrong, state=Stage.REJECTED, passed=False, reason="no")
    ideas.ended(world, refused)
    assert ideas.drop(world, tried(world, "c2", head=right)) is None
    assert "c1" in str(ideas.drop(world, tried(world, "c3", head=wrong)))


def test_an_author_goes_on_from_what_only_a_hidden_check_refused(world: World) -> None:
    """Which candidate gave it is kept: what comes later is not what its author was given."""
    hidden = {"acceptance": {"command": ["false"]}, "module": "a.py", "tries": 9}
    goal = GOAL.model_copy(update=hidden)
    known: dict[str, Any] = {"state": Stage.REJECTED, "passed": False, "reason": "goal: SECRET"}
    base = world.main()
    given = []
    for number, text in enumerate((TWO, "def f():\n    return 3\n"), 1):
        given.append(ideas.former(world, goal, base))
        head = commit(world, text, base)
        candidate = tried(world, f"c{number}", wish=goal, head=head, former=given[-1], **known)
        world.history.move([RefChange(candidate.ref, head, None)])
        ideas.ended(world, candidate)
    assert (given, ideas.former(world, goal, base)) == ([None, "c1"], "c2")
    kept = world.journal.candidate("c2")
    assert kept is not None and ideas.answer(world, kept.former, "a.py") == TWO
    assert ideas.answer(world, None, "a.py") is None
    world.history.move([RefChange("refs/heads/cand/c1", None, world.history.find("cand/c1"))])
    assert ideas.answer(world, "c1", "a.py") is None  # cleared away


def test_what_a_person_refuses_is_remembered(world: World) -> None:
    candidate = waiting(world)
    assert project(world).state is State.REVIEWING
    a_cycle(world).refuse(candidate, "it is ugly")
    assert (project(world).state, project(world).tries) == (State.PLANNING, 1)
    assert project(world).tokens == 7
    assert "c1" in str(ideas.drop(world, tried(world, "c2", state=Stage.DRAFTED)))


def test_what_a_person_approves_reaches_its_goal(world: World) -> None:
    candidate = waiting(world)
    merge = {"merge": candidate.head, "release": "release/1"}
    ideas.decided(world, candidate.to(Stage.PROMOTED, **merge))
    assert (project(world).state, project(world).tokens) == (State.COMPLETE, 7)


@pytest.mark.parametrize("by_hand", [False, True])
def test_a_goal_whose_release_was_taken_back_is_open_again(world: World, by_hand: bool) -> None:
    """That was a try: the second one that fails so blocks it; going forward again reaches it."""
    for number in (1, 2):
        candidate = waiting(world)
        text = releases.message("m", "", {releases.CANDIDATE: candidate.id})
        merge = commit(world, TWO, candidate.base, message=text + f"Org-N: {number}\n")
        promoted = candidate.to(Stage.PROMOTED, merge=merge, release=f"release/{number}")
        world.journal.save_candidate(promoted)
        ideas.decided(world, promoted)
        assert goals.reached(world.journal) == {"g1"}
        back = Promotion(
            id=f"p{number}",
            state=PromotionState.REVERTED,
            candidate=None if by_hand else candidate.id,
            main=merge,
            merge=merge,
            former=candidate.base,
            when=int(START),
            reason="it was slow",
        )
        for _ in range(2):  # once more after a crash is the same
            ideas.taken_back(world, back)
        world.journal.save_promotion(back)
        assert goals.reached(world.journal) == frozenset()
        assert project(world).tries == number
        told = report.report(world, Pace(), Schedule(world, {}), START - 60)
        assert (told["outcomes"], told["reverted"][-1]["candidate"]) == ({"reverted": 1}, "c1")
    assert project(world).state is State.BLOCKED
    assert "it was slow" in str(project(world).reason)
    forward = back.model_copy(update={"id": "p3", "merge": candidate.base, "former": merge})
    world.journal.save_promotion(forward)
    assert goals.reached(world.journal) == {"g1"}
