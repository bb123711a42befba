"""A run in a circle is seen, told so once, and then ended; waiting is none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from daemon.agent.messages import Call
from daemon.agent.patterns import circling, turn_of
from tests.agent.scripted_run import DONE, PROOF, calls, run_of, sh


def turns(*made: tuple[str, str], changed: bool = False, failed: bool = False) -> list[Any]:
    return [
        turn_of(
            [Call(id="", name="sh", arguments=json.dumps({"command": c}))], [t], changed, failed
        )
        for c, t in made
    ]


@pytest.mark.parametrize(
    ("made", "circles"),
    [
        (turns(("ls", "a"), ("ls", "a")), True),
        (turns(("ls", "a"), ("ls", "b")), False),
        (turns(("make", "ok"), ("make", "ok"), changed=True), False),
        (turns(("x", "1"), ("x", "2"), ("x", "3"), failed=True), True),
        (turns(("x", "1"), ("x", "2"), failed=True), False),
        (turns(("a", "1"), ("b", "2"), ("a", "1"), ("b", "2"), changed=True), True),
        (turns(*(("a", "1"), ("b", "2"), ("c", "3")) * 2, changed=True), True),
        (turns(("a", "1"), ("b", "2"), ("a", "3"), ("b", "4")), False),
        (turns(*[(str(n), "x") for n in (*range(8), 3, 1, 4, 0, 5, 2, 6, 7)]), True),
        (turns(("sleep 5", ""), ("sleep 5", ""), ("sleep 5", "")), False),
        (turns(("sleep 2; curl x", "no"), ("sleep 2; curl x", "no")), False),
        (turns(("until x; do sleep 1; done", "no"), ("until x; do sleep 1; done", "no")), False),
        (turns(("timeout 9 sleep 5", ""), ("timeout 9 sleep 5", "")), False),
        (turns(("timeout 5 ls", "a"), ("timeout 5 ls", "a")), True),
        (turns(("grep sleep x", "no"), ("grep sleep x", "no")), True),
    ],
)
def test_circles_are_seen_and_waiting_is_none(made: list[Any], circles: bool) -> None:
    """The same again, the same error, turns that alternate, nothing new; never a wait."""
    assert (circling(made) is not None) == circles


def test_a_question_asked_over_and_over_ends_with_a_reason(tmp_path: Path) -> None:
    """Nobody may be there to answer: asking again is no wait."""
    asked = calls(("question", {"question": "Tabs or spaces?"}))
    end = run_of(tmp_path, *[asked] * 9).until_end()
    assert (end.status, end.reason) == (
        "stuck",
        "the same call was made 3 times with the same answer",
    )


def test_a_circle_is_told_once_and_then_ends_it(tmp_path: Path) -> None:
    """Who leaves it in between is told again the next time."""
    a, b = sh("echo a"), sh("echo b")
    made = run_of(tmp_path, a, b, a, b, a, b)
    assert made.until_end().status == "stuck"
    assert made.turns == 5
    left = run_of(tmp_path, a, a, b, sh("echo c"), b, b, PROOF, DONE)
    assert left.until_end().status == "done"
    told = [one for one in left.messages if "exactly this call before" in one.content]
    assert len(told) == 2
