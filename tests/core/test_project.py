"""A project moves along its table, and its notebook tells the next author what was learned."""

from __future__ import annotations

import itertools

import pytest

from daemon.core.goal import outside
from daemon.core.project import NEXT, NOTES_KEPT_MAX, Idea, IllegalState, Project, State


@pytest.mark.parametrize(("here", "there"), list(itertools.product(State, State)))
def test_a_project_moves_only_along_the_table(here: State, there: State) -> None:
    """Every pair is legal, no move at all, or refused as a bug."""
    project = Project(goal="g1", state=here)
    if there is here or there in NEXT[here]:
        assert project.to(there, "why").state is there
    else:
        with pytest.raises(IllegalState):
            project.to(there)


def test_the_first_author_is_told_nothing() -> None:
    assert Project(goal="g1").told() == ""


def test_authors_write_into_the_notebook_and_the_next_one_reads_it() -> None:
    said = "I look.\nNOTE: tests take a minute\n- TASK: cache the index\nDONE: read the code\nNOTE:"
    project = Project(goal="g1").heard(1.0, "c1", said)
    assert [note.text for note in project.notes] == ["tests take a minute"]
    assert [(task.text, task.done) for task in project.tasks] == [
        ("cache the index", False),
        ("read the code", True),
    ]
    idea = Idea(candidate="c1", approach="list(set(words))", reason="tests: order was lost")
    told = project.model_copy(update={"blocked": (idea,)}).told()
    for part in ("list(set(words))", "order was lost", "tests take a minute", "cache the index"):
        assert part in told


def test_a_task_that_is_done_stays_done() -> None:
    project = Project(goal="g1").heard(1.0, "c", "DONE: a").heard(2.0, "c", "TASK: a")
    assert [(task.text, task.done) for task in project.tasks] == [("a", True)]


def test_the_notebook_is_bounded() -> None:
    project = Project(goal="g1")
    for number in range(NOTES_KEPT_MAX + 5):
        project = project.noted(number, "org", f"n{number} " + "x" * 1000)
    assert len(project.notes) == NOTES_KEPT_MAX
    assert project.notes[0].text.startswith("n5 ")
    assert len(project.told()) <= 3_000


def test_who_answers_with_a_file_alone_is_told_briefly() -> None:
    """What was noted, what is to do, and why the last answer that was judged did not do."""
    project = Project(goal="g1").noted(1.0, "you", "keep it short").heard(2.0, "c", "DONE: a")
    ideas = tuple(
        Idea(candidate=f"c{at}", approach="rewrite m.py", reason=reason, tree=tree)
        for at, (reason, tree) in enumerate([("too slow", "t1"), ("wrong", "t2"), ("unready", "")])
    )
    told = project.model_copy(update={"blocked": ideas}).told_briefly()
    assert told == "keep it short\nA former answer did not do: wrong"
    assert Project(goal="g1").told_briefly() == ""


@pytest.mark.parametrize(
    ("patterns", "strays"),
    [
        ((), ()),
        (("a.py",), ("b/c.py",)),
        (("*.py",), ()),
        (("b", "a.py"), ()),
        (("b/",), ("a.py",)),
    ],
)
def test_a_goal_says_what_may_change(patterns: tuple[str, ...], strays: tuple[str, ...]) -> None:
    """By pattern or by folder; no pattern allows all."""
    assert outside(patterns, ("a.py", "b/c.py")) == strays


def test_tasks_are_told_without_a_note() -> None:
    assert (
        "task: cache the index" in Project(goal="g").heard(1.0, "c", "TASK: cache the index").told()
    )
