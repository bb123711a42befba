"""A conversation too long is made shorter, keeps what a person said, and goes on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.agent.compaction import compacted, size_of, split, too_long
from daemon.agent.ends import Limits
from daemon.agent.messages import Call, Message
from daemon.agent.providers import ModelFault, Usage
from tests.agent.scripted_run import DONE, OPENING, PROOF, Script, calls, run_of


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
