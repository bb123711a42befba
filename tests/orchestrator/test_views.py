"""What views and plans make of rows, and a difference by file: words, not pages."""

from __future__ import annotations

import pytest

from daemon.orchestrator import views, words
from daemon.orchestrator.diff import by_file


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 s"), (59.9, "59 s"), (60, "1 min"), (3599, "59 min"), (7200, "2 h"),
     (90_000, "1 d 1 h"),
     (864_000, "10 d"), (-5, "0 s"), (None, "–")],
)  # fmt: skip
def test_spans_are_said_as_people_do(seconds: object, said: str) -> None:
    assert words.ago(seconds) == said


@pytest.mark.parametrize(
    ("events", "state", "active"),
    [
        ([], "drafting", "author"),
        ([{"kind": "gate.started", "name": "paths", "at": 1}], "built", "gates"),
        ([], "judged", "promote"),
    ],
)
def test_a_cycle_stands_where_its_events_say(
    events: list[dict[str, object]], state: str, active: str
) -> None:
    found = {"cycle": {"candidate": "c", "state": state}, "promotion": None}
    steps = {step["name"]: step["state"] for step in views.steps(found, events)}
    assert steps[active] == "active"
    assert list(steps.values()).count("active") == 1


@pytest.mark.parametrize(
    ("last", "state"), [("judged", "active"), ("promoted", "done"), ("rejected", "ahead")]
)
def test_a_cycle_that_waits_for_a_person_has_not_failed(last: str, state: str) -> None:
    """Its gates are done; it stands before its promotion until somebody decides."""
    events = [
        {"kind": "gate.ended", "name": "tests", "passed": True},
        {"kind": "cycle.ended", "outcome": "awaiting-approval"},
        {"kind": "candidate.state", "state": last},
    ]
    found = views.steps({"cycle": None, "promotion": None}, events)
    steps = {step["name"]: step["state"] for step in found}
    assert steps["promote"] == state
    assert (steps["gates"] == "failed") is (last == "rejected")


@pytest.mark.parametrize(("money", "said"), [(3.0, "1.50"), (0.0, "0.00"), (None, "unknown")])
def test_an_improvement_has_its_price(money: float | None, said: str) -> None:
    assert views.cost({"newest": {"promoted": 2, "money": money}}) == said
    assert views.cost({"newest": {"promoted": 0, "money": money}}) == views.cost({}) == "–"


DIFF = "diff --git a/x.py b/x.py\nindex 1..2\n--- a/x.py\n+++ b/x.py\n@@ -1 +1 @@\n"


def test_a_difference_is_told_by_file() -> None:
    """Lines that look like a head are told too, and what a browser would obey is escaped."""
    body = "--- old\n+++ evil()\n-index \n+a\u202eb\x1b[2J\n"
    ((found,), cut) = by_file(DIFF + body)
    assert (found["name"], found["added"], found["gone"], cut) == ("x.py", 2, 2, False)
    assert [line["kind"] for line in found["lines"]] == ["hunk", "del", "add", "del", "add"]
    told = [line["text"] for line in found["lines"]]
    assert told[1:] == ["--- old", "+++ evil()", "-index ", "+a\\u202eb\\x1b[2J"]


def test_a_file_is_called_by_its_whole_name() -> None:
    """One whose own name holds ` b/` does not pass for another."""
    heads = ("diff --git a/e b/fine.py b/e b/fine.py", "diff --git a/old b/new")
    found, _ = by_file("\n".join(heads))
    assert [one["name"] for one in found] == ["e b/fine.py", "a/old b/new"]


@pytest.mark.parametrize(
    "long",
    [DIFF + "+x\n" * 4000, "diff --git a/x b/x\n" * 201, DIFF + "+" + " " * 2000 + "evil()\n"],
    ids=["lines", "files", "columns"],
)
def test_what_a_page_leaves_out_of_a_difference_is_said(long: str) -> None:
    assert by_file(long)[1]
    assert views.candidate({}, {"diff": long}, [])["cut"]
    assert not by_file(DIFF + "+x\n" * 3000)[1]
