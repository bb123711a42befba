"""Goals keep their order, come from files and the evolved repo, and stop when done."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon.core.candidate import Candidate, Stage
from daemon.core.goal import Goal
from daemon.core.project import State
from daemon.state import goals, projects
from daemon.state.journal import Journal
from ops import goal_files
from ops.errors import Refused


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal.db")


def add(journal: Journal, name: str, **fields: object) -> Goal:
    goal = goals.make(name, text=f"improve {name}", **fields)
    journal.save_goal(goal)
    return goal


def names(journal: Journal) -> list[str]:
    return [goal.id for goal in goals.ordered(journal)]


def test_priority_then_order_then_age(journal: Journal) -> None:
    for name, priority in (("a", 0), ("b", 5), ("c", 0)):
        add(journal, name, priority=priority)
    assert names(journal) == ["b", "a", "c"]
    goals.reorder(journal, ["c", "a"])
    assert names(journal) == ["c", "a", "b"]
    assert goals.following(journal, None).id == "c"


def test_a_persons_order_of_the_repos_goals_holds_until_a_file_says_otherwise(
    journal: Journal,
) -> None:
    """However often the folder is read, and whatever else a file changes; then it is forgotten."""
    table: dict[str, dict[str, object]] = {
        name: {"text": name, "priority": priority}
        for name, priority in (("a", 0), ("b", 5), ("c", 0))
    }

    def taken(**changed: object) -> list[str]:
        table["c"] |= changed
        goals.take_from_repo(journal, table)
        return names(journal)

    assert taken() == ["b", "a", "c"]
    goals.reorder(journal, ["c"])
    assert taken() == taken(text="see") == ["c", "b", "a"]
    goals.reorder(journal, ["a", "c"])
    assert taken() == ["a", "c", "b"]
    table["d"] = {"text": "d", "priority": 9}
    assert taken() == ["d", "a", "c", "b"]
    assert taken(priority=-1) == ["d", "a", "b", "c"]
    del table["a"]
    assert taken() == ["d", "b", "c"]
    assert taken(priority=0) == ["d", "b", "c"]
    table["a"] = {"text": "anew", "priority": 0}
    assert taken() == ["d", "b", "a", "c"]


def test_reordering_names_only_goals_that_are_there(journal: Journal) -> None:
    add(journal, "a")
    with pytest.raises(Refused):
        goals.reorder(journal, ["a", "z"])


def test_what_is_done_blocked_or_proposed_is_passed_over(journal: Journal) -> None:
    for name in ("a", "b", "c", "d"):
        add(journal, name, proposed=name == "c")
    done = Candidate(id="1", state=Stage.PROMOTED, goal="g", created=0, base="b")
    journal.save_candidate(done.model_copy(update={"wish": journal.goal("a")}))
    projects.save(journal, projects.find(journal, "b").to(State.BLOCKED, "3 tries failed"))
    assert [goal.id for goal in goals.open_goals(journal)] == ["d"]


def test_a_goal_whose_candidate_waits_is_not_begun_again(journal: Journal) -> None:
    """Neither while it is drafted or judged, nor while a person has not said yes."""
    add(journal, "a")
    add(journal, "b")
    waits = Candidate(id="1", state=Stage.JUDGED, goal="g", created=0, base="b", passed=True)
    journal.save_candidate(waits.model_copy(update={"wish": journal.goal("a")}))
    assert goals.following(journal, None).id == "b"
    journal.save_candidate(waits.model_copy(update={"wish": journal.goal("b"), "id": "2"}))
    with pytest.raises(Refused, match="no open goal"):
        goals.following(journal, None)


def test_the_repos_goals_follow_its_folder(journal: Journal) -> None:
    """New, changed and gone files do what one expects; a person's goal is left alone."""
    add(journal, "mine")
    goals.take_from_repo(journal, {"fast": {"text": "be fast"}, "mine": {"text": "not yours"}})
    assert [(goal.id, goal.text) for goal in goals.ordered(journal)] == [
        ("mine", "improve mine"),
        ("fast", "be fast"),
    ]
    goals.take_from_repo(journal, {"fast": {"text": "be faster", "priority": 3}})
    assert goals.find(journal, "fast").text == "be faster"
    assert names(journal) == ["fast", "mine"]
    goals.take_from_repo(journal, {})
    assert names(journal) == ["mine"]


def test_goals_are_read_from_files_of_all_kinds(tmp_path: Path) -> None:
    """A table, a text, a folder with hidden tests; the `repo` beside them is not read."""
    (tmp_path / "a.toml").write_text('text = "a"\npriority = 2\npaths = ["x.py"]\n')
    (tmp_path / "b.md").write_text("b\n\nnotes\n")
    (tmp_path / "README.md").write_text("what this is")
    folder = tmp_path / "c"
    (folder / "acceptance").mkdir(parents=True)
    (folder / "repo").mkdir()
    (folder / "repo" / "x.py").write_text("x = 1\n")
    (folder / "goal.txt").write_text("c\nnotes\n")
    (folder / "module").write_text("x.py\n")
    (folder / "acceptance" / "test_c.py").write_text("def test_c(): pass\n")
    found = goal_files.on_disk(tmp_path)
    assert set(found) == {"a", "b", "c"}
    assert found["a"] == {"text": "a", "priority": 2, "paths": ["x.py"]}
    assert found["c"]["module"] == "x.py"
    assert found["c"]["acceptance"]["tests"]
    assert found["c"]["acceptance"]["files"] == {"test_c.py": "def test_c(): pass\n"}
    assert goal_files.on_disk(folder) == {"c": found["c"]}
    assert goal_files.on_disk(tmp_path / "b.md") == {"b": found["b"]}


@pytest.mark.parametrize("data", [b"text = ", b"\xff\xfe", b"x" * 300_000], ids=str)
def test_a_broken_file_is_refused_by_name(data: bytes) -> None:
    with pytest.raises(Refused, match=r"a\.toml"):
        goal_files.read({"a.toml": data[:260_000] + b"x" * (len(data) > 260_000) * 5_000})
