"""The goals/ folder of an evolved repo: what is wrong in it is told, and authors do not see it."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from pathlib import Path

import pytest

from daemon.core import release as releases
from daemon.state import goals
from daemon.supervisor.goal_verbs import GoalVerbs
from daemon.supervisor.ideas import module_of
from daemon.supervisor.world import World
from fitness.hidden import without_answers
from ops.cell import Mount
from ops.goal_files import FOLDER
from ops.history import History
from ops.records import RefChange
from tests.night.clock import START, Clock, a_world

GOOD = 'text = "count words"\ntries = 2\n'


@pytest.fixture
def world(tmp_path: Path) -> World:
    History.create(tmp_path / "repo.git")
    return a_world(tmp_path, Clock())


def push(world: World, files: Mapping[str, str]) -> None:
    rows = []
    for path, text in files.items():
        data = text.encode()
        oid = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
        world.history.write_blobs({oid: data})
        rows.append(("100644", oid, path))
    main = world.history.find(releases.MAIN)
    tree = world.history.write_tree(rows)
    commit = world.history.commit(tree, [main] if main else [], "x", int(START))
    world.history.move([RefChange(releases.MAIN, commit, main)])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("text = ", "bad.toml"),
        ('text = "x"\ntires = 1\n', "'tires'"),
        ('text = ""\n', "empty"),
        ('text = "x"\ntries = 0\n', "tries"),
        ('text = "x"\nprotocol = "none"\n', "none"),
        ('text = "x"\n[acceptance]\ncomand = ["true"]\n', "acceptance"),
    ],
)
def test_a_broken_goal_is_told_and_stops_no_other(world: World, text: str, why: str) -> None:
    """Once, however often it is looked at; in `goal list` as long as it is so."""
    push(world, {"goals/bad.toml": text, "goals/good.toml": GOOD})
    for _ in range(2):
        found = asyncio.run(GoalVerbs(world).list({}))
    assert [one["id"] for one in found["goals"]] == ["good"]
    assert why in found["broken"]["bad.toml"]
    told = [one["text"] for one in world.journal.last_events(9)]
    assert [why in one and "goals/bad.toml" in one for one in told] == [True]
    push(world, {"goals/bad.toml": GOOD, "goals/good.toml": GOOD})
    found = asyncio.run(GoalVerbs(world).list({}))
    assert ([one["id"] for one in found["goals"]], found["broken"]) == (["good", "bad"], {})


def test_a_goal_that_broke_stays_what_it_was(world: World) -> None:
    push(world, {"goals/good.toml": GOOD})
    GoalVerbs(world).take_from_repo()
    push(world, {"goals/good.toml": "text = "})
    assert list(GoalVerbs(world).take_from_repo()) == ["good.toml"]
    assert goals.find(world.journal, "good").tries == 2


def test_a_new_goal_takes_no_name_of_the_repos(world: World) -> None:
    push(world, {"goals/g1.toml": GOOD})
    GoalVerbs(world).take_from_repo()
    added = asyncio.run(GoalVerbs(world).add({"text": "mine"}))
    assert added["id"] == "g2"
    assert goals.find(world.journal, "g1").text == "count words"


def test_authors_do_not_see_how_success_is_told(world: World, tmp_path: Path) -> None:
    """Neither in their copy, nor as the file that a goal's words point to."""
    check = "from words import count\n\n\ndef test_words(): assert count('a b') == 2\n"
    files = {"goals/words/acceptance/test_words.py": check, "words.py": "count = len\n"}
    push(world, {"goals/words/goal.txt": "count the words that test_words counts\n", **files})
    GoalVerbs(world).take_from_repo()
    goal = goals.find(world.journal, "words")
    assert module_of(world, goal, world.main()) in (None, "words.py")
    copy, empty = tmp_path / "copy", tmp_path / "empty"
    (copy / FOLDER).mkdir(parents=True)
    mounts = without_answers((Mount(copy, Path("/workspace")),), empty, (FOLDER,))
    assert mounts[-1] == Mount(empty, Path("/workspace/goals"))
