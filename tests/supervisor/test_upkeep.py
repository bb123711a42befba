"""Collecting on a real home: what goes, what stays, and what a kill in the middle leaves."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from daemon.core.candidate import Candidate
from daemon.supervisor import audit, inventory, views
from daemon.supervisor.upkeep import Upkeep, collect, look
from ops import rotation
from ops.errors import Exit, Refused
from ops.lease import hold
from ops.packing import Packing
from tests.supervisor import killed
from tests.supervisor.grown import Grown, copy_of, grown

FEW = "[keep]\nreleases = 3\ncandidates = 2\nworkspaces = 1\ndays = 36500\n"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Grown:
    found = grown(tmp_path_factory.mktemp("grown"), promoted=5, rejected=4, settings=FEW)
    found.world.journal.close()
    return found


@pytest.fixture
def few(made: Grown, tmp_path: Path) -> Iterator[Grown]:
    copy = copy_of(made, tmp_path)
    yield copy
    copy.world.journal.close()


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def removed(said: dict[str, Any], room: str) -> set[str]:
    return {one["name"] for one in said["removed"] if one["room"] == room}


def test_what_main_can_return_to_stays(few: Grown) -> None:
    """Three releases are kept: what serves and the two before; the history is whole after it."""
    said = asyncio.run(collect(few.world))
    assert names(few.world.layout.releases) == set(few.released[-3:])
    assert set(few.released[:3]) <= removed(said, "releases")
    assert audit.audit(few.world.layout) == {"ok": True, "releases": 6, "problems": []}


def test_ended_candidates_go_and_their_rows_stay(few: Grown) -> None:
    """Branches, merge refs, evidence and copies go by count; the archive still names them all."""
    before = len(few.world.journal.candidates())
    asyncio.run(collect(few.world))
    assert set(inventory.branches(few.world)) == {
        one.id for one in few.world.journal.candidates() if _kept(few, one)
    }
    assert len(few.world.journal.candidates()) == before
    assert names(few.world.layout.candidates) == set(inventory.branches(few.world))


def _kept(few: Grown, one: Candidate) -> bool:
    return one.merge in few.released[-3:]  # what made a kept release is held, and fills the count


def test_what_is_open_or_mentioned_stays(few: Grown) -> None:
    """A candidate that waits, a program's record, and a process hold what they name."""
    world = few.world
    waiting = Candidate(
        id="20260301T000000Z", goal="wait", created=1, base=few.released[0], merge=few.released[1]
    )
    world.journal.save_candidate(waiting)
    (world.layout.evidence / waiting.id).mkdir()
    record = world.layout.state / "program-on-trial.json"
    record.write_text(f'{{"root":"{few.tree(few.released[2])}"}}')
    rejected = world.journal.candidate(few.dropped[0])
    assert rejected is not None and rejected.merge is not None
    tree = few.tree(rejected.merge)
    with subprocess.Popen(
        [sys.executable, "-c", "input()", str(tree)], stdin=subprocess.PIPE
    ) as user:
        said = asyncio.run(collect(world))
        user.communicate(b"\n")
    assert {*few.released, rejected.merge} == names(world.layout.releases)
    assert waiting.id in names(world.layout.evidence)
    assert removed(said, "releases") == {
        str(one.merge) for one in world.journal.candidates() if one.id in few.dropped[1:]
    }


def test_what_is_needed_since_the_plan_stays(few: Grown) -> None:
    """Between the plan and the act a release can come into use: it is looked at again."""

    class Guard:
        async def __aenter__(self) -> None:
            record = few.world.layout.state / "program.json"
            record.write_text(f'{{"root":"{few.tree(few.released[0])}"}}')

        async def __aexit__(self, *_: object) -> None:
            pass

    (few.world.layout.state / "program.json").write_text("{}")
    assert few.released[0] in {gone.item.name for gone in look(few.world).gone}
    asyncio.run(collect(few.world, Guard()))
    assert few.tree(few.released[0]).exists()


def test_what_nobody_knows_stays(few: Grown) -> None:
    """A folder or branch that org did not make is not org's to remove."""
    for room in (few.world.layout.releases, few.world.layout.evidence):
        (room / "mine").mkdir()
    asyncio.run(collect(few.world))
    assert (few.world.layout.releases / "mine").exists()
    assert (few.world.layout.evidence / "mine").exists()


def test_it_waits_for_nobody(few: Grown) -> None:
    """While an operation is under way, nothing is collected; a look is always possible."""
    upkeep = Upkeep(few.world, asyncio.Lock())
    with hold(few.world.layout.lease, "evolving"):
        with pytest.raises(Refused) as refused:
            asyncio.run(upkeep.gc({}))
        assert refused.value.code is Exit.BUSY
        assert asyncio.run(upkeep.gc({"dry_run": True}))["removed"]


def test_it_comes_by_itself(few: Grown) -> None:
    """When a cycle ends and the hours are over, else not."""
    upkeep = Upkeep(few.world, asyncio.Lock())
    asyncio.run(upkeep.when_due())
    assert names(few.world.layout.releases) == set(few.released[-3:])
    few.tree("0" * 40).mkdir()
    asyncio.run(upkeep.when_due())
    assert few.tree("0" * 40).exists()


def test_git_is_put_in_order(few: Grown) -> None:
    """Refs and objects packed; what nothing leads to goes once it is old, and that is told."""
    repo, dropped = few.world.layout.repo, few.world.journal.candidate(few.dropped[0])
    assert dropped is not None and dropped.head is not None
    old = few.world.clock() - 3 * 86400
    for path in (repo / "objects").glob("??/*"):
        os.utime(path, (old, old))
    (repo / "refs/heads/mine").write_text(few.released[0] + "\n")
    said = asyncio.run(collect(few.world))
    assert said["repo"]["loose"] == 0
    assert not any(path.is_file() for path in (repo / "refs").rglob("*"))
    Packing(repo).check_whole()
    assert not few.world.history.has(dropped.head)
    with pytest.raises(Refused, match="no longer kept"):
        views.diff(few.world, dropped.id)
    assert all(few.world.history.has(commit) for commit in few.released)


def test_a_young_home_is_put_in_order_too(tmp_path: Path) -> None:
    """Where nothing goes and git has no pack yet; and again, where all is in order already."""
    young = grown(tmp_path, promoted=0, rejected=0)
    for _ in range(2):
        said = asyncio.run(collect(young.world))
        assert (said["removed"], said["repo"]["loose"]) == ([], 0)
    assert audit.audit(young.world.layout)["ok"]
    young.world.journal.close()


def test_what_is_young_is_not_dropped(few: Grown) -> None:
    """Objects are written before the ref that leads to them: two days are given."""
    dropped = few.world.journal.candidate(few.dropped[0])
    assert dropped is not None and dropped.head is not None
    asyncio.run(collect(few.world))
    assert few.world.history.find(dropped.ref) is None
    assert few.world.history.has(dropped.head)


def test_a_log_is_turned_while_it_is_written(tmp_path: Path) -> None:
    """The writer goes on in the same file; as many old ones are kept as asked for."""
    log = tmp_path / "current.log"
    with log.open("ab", buffering=0) as writer:
        for number in range(4):
            writer.write(b"%d" % number * 100)
            assert rotation.turn(log, 50, 2)
            assert log.read_bytes() == b""
        writer.write(b"after")
        assert not rotation.turn(log, 50, 2)
    assert names(tmp_path) == {"current.log", "current.log.1", "current.log.2"}
    assert (tmp_path / "current.log.1").read_bytes() == b"3" * 100
    assert log.read_bytes() == b"after"


STRIDE = 7  # effects between one kill and the next


@pytest.mark.crash
def test_a_kill_at_any_effect_is_made_good_by_the_next_run(made: Grown, tmp_path: Path) -> None:
    """Killed before effect 0, 7, 14 …: what is held is whole, and the next run finishes."""
    for after in range(0, 10_000, STRIDE):
        few = copy_of(made, tmp_path / str(after))
        first = killed.run("upkeep", ["--home", str(few.home)], after)
        assert all((few.tree(commit) / "file").exists() for commit in few.released[-3:])
        assert killed.run("upkeep", ["--home", str(few.home)]) == 0
        assert names(few.world.layout.releases) == set(few.released[-3:])
        assert names(few.world.layout.candidates) == set(inventory.branches(few.world))
        assert look(few.world).gone == ()
        assert audit.audit(few.world.layout)["ok"]
        few.world.journal.close()
        if first == 0:
            break
    assert after > 5 * STRIDE  # there were effects to be killed at
