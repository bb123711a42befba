"""A run's limits, circles, shortening, steering; and that it goes on after a crash anywhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.agent.compaction import compacted, size_of, split, too_long
from daemon.agent.ends import Limits, Price
from daemon.agent.loop import Interrupted
from daemon.agent.messages import Call, Message
from daemon.agent.patterns import circling, turn_of
from daemon.agent.providers import ModelFault
from tests.agent.scripted_run import DONE, OPENING, PROOF, Script, calls, hooks, run_of, sh

# Limits


@pytest.mark.parametrize(
    ("limits", "status"),
    [
        (Limits(3), "steps"),
        (Limits(50, tokens_max=300), "tokens"),
        (Limits(50, money_max=0.0005, price=Price(1.0, 10.0)), "money"),
        (Limits(50, money_max=1.0), "money"),
    ],
)
def test_each_limit_has_a_status_of_its_own(tmp_path: Path, limits: Limits, status: str) -> None:
    """Steps, tokens, money; a price that is not known counts as too much, not as nothing."""
    replies = [sh(f"echo {number}") for number in range(9)]
    made = run_of(tmp_path, *replies, limits=limits)
    assert made.until_end().status == status
    assert made.turns <= 4


def test_time_and_a_person_end_it_too(tmp_path: Path) -> None:
    assert run_of(tmp_path, hooks=hooks(late=lambda: True)).until_end().status == "time"
    assert run_of(tmp_path, hooks=hooks(stopped=lambda: True)).until_end().status == "stopped"


# Circles


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
        (turns(("grep sleep x", "no"), ("grep sleep x", "no")), True),
    ],
)
def test_circles_are_seen_and_waiting_is_none(made: list[Any], circles: bool) -> None:
    """The same again, the same error, turns that alternate, nothing new; never a wait."""
    assert (circling(made) is not None) == circles


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


# Shortening


def conversation(turns: int, chars: int) -> list[Message]:
    made = list(OPENING)
    for number in range(turns):
        call = Call(id=f"c{number}", name="read_file", arguments=f'{{"path": "f{number}"}}')
        made.append(Message(role="assistant", content="", calls=(call,)))
        made.append(Message(role="tool", content="x" * chars, answers=call.id))
    return made


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 40), st.integers(0, 9000), st.integers(0, 4000))
def test_a_shorter_conversation_is_shorter_and_whole(turns: int, chars: int, context: int) -> None:
    """It proves progress; each call has its results; what opened it is there."""
    before = conversation(turns, chars)
    after = compacted(before, context)
    if after is None:
        return
    assert size_of(after) < 0.9 * size_of(before)
    assert [one.content for one in after[:2]] == [one.content for one in OPENING]
    asked = [call.id for one in after for call in one.calls]
    assert asked == [one.answers for one in after if one.role == "tool"]


def test_shortening_again_and_again_ends(tmp_path: Path) -> None:
    """Digests of digests do not pile up; at last it says that it cannot."""
    messages = conversation(30, 2000)
    for _ in range(50):
        messages += conversation(3, 2000)[2:]
        shorter = compacted(messages, 3000)
        if shorter is None:
            break
        messages = shorter
        assert size_of(messages) < 40_000
    assert len(split(messages)[0]) <= 5


def test_a_conversation_too_long_is_shortened_and_goes_on(tmp_path: Path) -> None:
    """Before the model is asked when the context is known, else when it says so."""
    (tmp_path / "work").mkdir()
    (tmp_path / "work/big").write_text("word " * 4000)
    reads = [calls(("read_file", {"path": "big", "line_count": n})) for n in range(1, 13)]
    known = run_of(tmp_path, *reads, PROOF, DONE, limits=Limits(50, context_tokens=20_000))
    assert known.until_end().status == "done"
    assert isinstance(known.provider, Script)
    assert all(not too_long(asked, 20_000) for asked in known.provider.asked)
    assert any("left out" in one.content for one in known.messages)
    fault = ModelFault("context_length_exceeded", "too long")
    told = run_of(tmp_path, *reads, fault, PROOF, DONE)
    assert told.until_end().status == "done"
    never = run_of(tmp_path, fault, fault, fault)
    assert never.until_end().status == "context"


# Steering


def test_what_a_person_says_comes_before_the_next_question(tmp_path: Path) -> None:
    words = [["use tabs"], [], [], []]
    made = run_of(tmp_path, PROOF, DONE, hooks=hooks(told=lambda: words.pop(0)))
    assert made.until_end().status == "done"
    assert isinstance(made.provider, Script)
    assert made.provider.asked[0][-1] == Message(role="user", content="use tabs")


def test_a_person_may_interrupt_the_model(tmp_path: Path) -> None:
    """What it was saying is dropped, and the words come next."""
    words = [[], ["stop that"], [], []]
    made = run_of(tmp_path, Interrupted(), PROOF, DONE, hooks=hooks(told=lambda: words.pop(0)))
    assert made.until_end().status == "done"
    assert made.turns == 2
    assert any(one.content == "stop that" for one in made.messages)
