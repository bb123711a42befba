"""A run's limits, circles, shortening, steering; and that it goes on after a crash anywhere."""

from __future__ import annotations

import json
import socket
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.agent.compaction import compacted, size_of, split, too_long
from daemon.agent.ends import Limits, Price
from daemon.agent.line import Line
from daemon.agent.loop import Interrupted
from daemon.agent.messages import Call, Message
from daemon.agent.patterns import circling, turn_of
from daemon.agent.providers import ModelFault, Reply, Usage
from ops.sockets import send_line
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


def test_every_call_of_a_reply_is_answered(tmp_path: Path) -> None:
    """Servers refuse a conversation with a call that has no result; sixteen of a reply run."""
    many = calls(*(("sh", {"command": f"echo {n} >> log"}) for n in range(20)))
    made = run_of(tmp_path, many, PROOF, DONE)
    assert made.until_end().status == "done"
    results = [one for one in made.messages if one.role == "tool"][:20]
    assert [one.answers for one in results] == [call.id for call in many.calls]
    assert (tmp_path / "work/log").read_text().split() == [str(n) for n in range(16)]
    assert {one.content for one in results[16:]} == {"not run: more than 16 calls in one reply"}
    wrong = [calls(*((f"fly{turn}", {"to": n}) for n in range(20))) for turn in range(3)]
    assert run_of(tmp_path, *wrong).until_end().status == "format"


def test_the_same_call_twice_in_a_reply_runs_once(tmp_path: Path) -> None:
    """Its result answers both; after something that may have changed it, it runs again."""
    add, show = ("sh", {"command": "echo x >> log"}), ("read_file", {"path": "log"})
    wrote = ("write_file", {"path": "log", "content": "y\n"})
    made = run_of(tmp_path, calls(add, add, show, wrote, show), PROOF, DONE)
    assert made.until_end().status == "done"
    told = [one.content for one in made.messages if one.role == "tool"]
    assert told[0] == told[1]
    assert ("x" in told[2], "y" in told[2], "y" in told[4]) == (True, False, True)
    text = "".join('```json\n{"name": "sh", "arguments": {"command": "echo z >> z"}}\n```\n' * 2)
    assert run_of(tmp_path, Reply(text, ()), PROOF, DONE).until_end().status == "done"
    assert (tmp_path / "work/z").read_text() == "z\n"


def test_tests_that_run_again_after_an_edit_prove_it(tmp_path: Path) -> None:
    """Also when one reply holds it all, as text."""
    wrote = ("write_file", {"path": "new.py", "content": "x = 1\n"})
    each = [("run_tests", {}), wrote, ("run_tests", {}), ("done", {"summary": "made"})]
    text = "".join(
        f"```json\n{json.dumps({'name': name, 'arguments': given})}\n```\n" for name, given in each
    )
    assert run_of(tmp_path, Reply(text, ())).until_end().status == "done"


@pytest.mark.parametrize(("hook", "status"), [("late", "time"), ("stopped", "stopped")])
def test_what_ends_a_run_ends_it_between_two_calls(tmp_path: Path, hook: str, status: str) -> None:
    """What is left is not run, and is answered so."""
    ran: list[Any] = []
    ends = {hook: lambda: bool(ran), "result": lambda *told: ran.append(told)}
    made = run_of(tmp_path, calls(*_touches("a", "b", "c")), hooks=hooks(**ends))
    assert made.until_end().status == status
    assert [one.name for one in (tmp_path / "work").iterdir()] == ["a"]
    assert [one.content[:8] for one in made.messages[-2:]] == ["not run:"] * 2


def test_who_has_something_to_say_at_once_is_heard_before_the_next_call(tmp_path: Path) -> None:
    ran: list[Any] = []
    said = {"urgent": lambda: len(ran) == 1, "result": lambda *told: ran.append(told)}
    made = run_of(tmp_path, calls(*_touches("a", "b")), PROOF, DONE, hooks=hooks(**said))
    assert made.until_end().status == "done"
    assert [one.name for one in (tmp_path / "work").iterdir()] == ["a"]


def test_the_time_is_up_while_the_model_speaks() -> None:
    """It is not listened to any longer; words for later do not stop it."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        line = Line(ours)
        send_line(theirs, {"tell": "use tabs"})
        line.listen("word")
        assert not line.hooks().urgent()
        line.deadline = time.monotonic()
        with pytest.raises(Interrupted):
            line.listen("word")
        send_line(theirs, {"tell": "stop that", "now": True})
        assert line.hooks().urgent()


def _touches(*names: str) -> list[tuple[str, dict[str, Any]]]:
    return [("sh", {"command": f"touch {name}"}) for name in names]


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


@pytest.mark.parametrize("turns", [3, 12])
def test_what_a_person_said_is_never_left_out(turns: int) -> None:
    """Whole, once, in its place before what is left: at each stage, and each time again."""
    words = ["never touch the table; " * 300, "keep the names " * 10]
    messages = conversation(turns, 8_000)
    for at, text in zip((3, 5), words, strict=True):
        spoken = Message(role="user", content=text, spoken=True)
        messages[2 * at - 2 : 2 * at - 2] = [spoken]
    for _ in range(3):
        shorter = compacted(messages, 3_000)
        assert shorter is not None
        assert [one.content for one in shorter if one.spoken] == words
        messages = [*shorter, *conversation(turns, 8_000)[2:]]


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


def test_what_a_server_left_out_unseen_is_made_shorter(tmp_path: Path) -> None:
    """It counts far fewer tokens than it was sent; an estimate, or none, tells nothing."""
    (tmp_path / "work").mkdir()
    (tmp_path / "work/big").write_text("word " * 4000)
    reads = [calls(("read_file", {"path": "big", "line_count": n})) for n in range(1, 4)]
    cut = replace(reads[1], usage=Usage(2_048, 10))
    made = run_of(tmp_path, reads[0], cut, PROOF, DONE)
    assert made.until_end().status == "done"
    assert isinstance(made.provider, Script)
    sizes = [size_of(asked) for asked in made.provider.asked]
    assert sizes[2] < sizes[1]
    for usage in (Usage(2_048, 10, estimated=True), Usage(0, 10), Usage(5_000, 10)):
        made = run_of(tmp_path, reads[0], replace(reads[1], usage=usage), PROOF, DONE)
        assert made.until_end().status == "done"
        assert isinstance(made.provider, Script)
        assert size_of(made.provider.asked[2]) > sizes[1]


def test_a_model_that_takes_no_tools_is_told_of_them_in_words(tmp_path: Path) -> None:
    """Once, and from then on none is declared; its calls are found in its text."""
    fault = ModelFault("tools_unsupported", "gemma2:9b does not support tools")
    wrote = '```json\n{"name": "sh", "arguments": {"command": "touch a"}}\n```'
    made = run_of(tmp_path, fault, Reply(wrote, ()), PROOF, DONE)
    assert made.until_end().status == "done"
    assert (tmp_path / "work/a").exists()
    assert isinstance(made.provider, Script)
    assert [bool(count) for count in made.provider.tools] == [True, False, False, False]
    words = made.provider.asked[1][-1].content
    assert "write_file(path, content)" in words and "```json" in words
    assert made.provider.asked[3].count(made.provider.asked[1][-1]) == 1
    assert run_of(tmp_path, fault, fault).until_end().status == "model"


# Steering


def test_what_a_person_says_comes_before_the_next_question(tmp_path: Path) -> None:
    words = [["use tabs"], [], [], []]
    made = run_of(tmp_path, PROOF, DONE, hooks=hooks(told=lambda: words.pop(0)))
    assert made.until_end().status == "done"
    assert isinstance(made.provider, Script)
    assert made.provider.asked[0][-1].wire() == {"role": "user", "content": "use tabs"}


def test_a_person_may_interrupt_the_model(tmp_path: Path) -> None:
    """What it was saying is dropped, and the words come next."""
    words = [[], ["stop that"], [], []]
    made = run_of(tmp_path, Interrupted(), PROOF, DONE, hooks=hooks(told=lambda: words.pop(0)))
    assert made.until_end().status == "done"
    assert made.turns == 2
    assert any(one.content == "stop that" for one in made.messages)
