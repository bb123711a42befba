"""A run's limits, circles, shortening, steering; and that it goes on after a crash anywhere."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.agent.compaction import compacted, size_of, split, too_long
from daemon.agent.ends import Limits, Price
from daemon.agent.loop import Hooks, Interrupted, Run
from daemon.agent.messages import Call, Message
from daemon.agent.patterns import circling, turn_of
from daemon.agent.providers import ModelFault, Reply, Usage
from daemon.agent.record import Record
from daemon.agent.workspace import Workspace
from ops.errors import Refused

TESTS = ("sh", "-c", "exit 0")
OPENING = [Message(role="system", content="work"), Message(role="user", content="Goal: x")]


class Script:
    """A provider; a reply may be a function of what it was asked."""

    def __init__(self, *replies: Any) -> None:
        self.replies = list(replies)
        self.asked: list[list[Message]] = []

    def reply(self, messages: Sequence[Message], tools: Sequence[dict[str, Any]]) -> Reply:
        self.asked.append(list(messages))
        reply = self.replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        assert isinstance(reply, Reply)
        return reply


def calls(*made: tuple[str, dict[str, Any]], content: str = "") -> Reply:
    listed = tuple(
        Call(id=f"c{at}", name=name, arguments=json.dumps(arguments))
        for at, (name, arguments) in enumerate(made)
    )
    return Reply(content, listed, usage=Usage(100, 10), model="m")


def sh(command: str) -> Reply:
    return calls(("sh", {"command": command}))


PROOF = calls(("run_tests", {}))
DONE = calls(("done", {"summary": "better"}))


def hooks(**changes: Callable[..., Any]) -> Hooks:
    made = Hooks(lambda *_: None, lambda *_: None, lambda *_: None, lambda *_: None, lambda: False)
    for name, value in changes.items():
        setattr(made, name, value)
    return made


def run_of(folder: Path, *replies: Any, **options: Any) -> Run:
    kept = options.pop("hooks", hooks())
    work = folder / "work"
    work.mkdir(exist_ok=True)
    made = Run(Script(*replies), Workspace(work, TESTS), kept, 50, **options)
    made.messages = OPENING
    return made


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


# Going on after a crash


class Killed(BaseException):
    pass


WORK = (
    sh("echo one >> log"),
    calls(("sh", {"command": "echo two >> log"}), ("sh", {"command": "echo three >> log"})),
    Reply('```json\n{"name": "sh", "arguments": {"command": "echo four >> log"}}\n```', ()),
    Reply("I think.", ()),
    PROOF,
    DONE,
)


@pytest.mark.process
def test_it_goes_on_from_every_point_and_runs_nothing_twice(tmp_path: Path) -> None:
    """Killed after each write to its record: the end is the same, no finished call runs again."""
    whole = worked(tmp_path / "whole", None)
    lines = len((tmp_path / "whole/record").read_bytes().splitlines())
    assert whole == "one\ntwo\nthree\nfour\n"
    for point in range(2, lines):
        log = worked(tmp_path / str(point), point)
        counts = [log.count(word) for word in ("one", "two", "three", "four")]
        assert max(counts) == 1, (point, log)


def worked(folder: Path, killed_at: int | None) -> str:
    (folder / "work").mkdir(parents=True)
    left = list(WORK)
    script = Script()

    def once(writes: int | None) -> str:
        record = Record.open(folder / "record")
        write, count = record.write, len(record.events)

        def counted(event: Any, durable: bool = True) -> None:
            nonlocal count
            write(event, durable)
            count += 1
            if writes is not None and count >= writes:
                raise Killed

        record.write = counted  # type: ignore[method-assign]
        try:
            done = sum(1 for event in record.events if event["kind"] == "reply")
            script.replies = list(left[done:])
            made = Run(script, Workspace(folder / "work", TESTS), hooks(), 50, record=record)
            made.messages = OPENING
            return made.until_end().status
        finally:
            record.close()

    if killed_at is not None:
        with pytest.raises(Killed):
            once(killed_at)
    assert once(None) == "done"
    return (folder / "work/log").read_text()


def test_a_call_that_may_have_run_is_not_run_again(tmp_path: Path) -> None:
    """Its model is told that nobody knows; looking is simply done again."""
    for name, arguments, known in (
        ("sh", {"command": "echo x >> log"}, False),
        ("list_files", {}, True),
    ):
        path = tmp_path / f"{name}.jsonl"
        record = Record.open(path)
        made = run_of(tmp_path, calls((name, arguments)), record=record)

        def die(*_: object) -> None:
            raise Killed

        made.hooks.call = die
        with pytest.raises(Killed):
            made.until_end()
        record.close()
        again = run_of(tmp_path, PROOF, DONE, record=Record.open(path))
        assert again.until_end().status == "done"
        told = next(one.content for one in again.messages if one.role == "tool")
        assert ("interrupted" in told) != known
    assert not (tmp_path / "work/log").exists()


def test_a_run_that_ended_stays_ended(tmp_path: Path) -> None:
    """Its record says how; nobody is asked again."""
    record = Record.open(tmp_path / "r")
    assert run_of(tmp_path, PROOF, DONE, record=record).until_end().status == "done"
    record.close()
    assert run_of(tmp_path, record=Record.open(tmp_path / "r")).until_end().status == "done"


def test_a_torn_line_is_cut_off_and_a_second_writer_refused(tmp_path: Path) -> None:
    record = Record.open(tmp_path / "r")
    record.write({"kind": "said", "messages": []})
    with pytest.raises(Refused, match="another run"):
        Record.open(tmp_path / "r")
    record.close()
    with (tmp_path / "r").open("ab") as out:
        out.write(b'{"kind": "re')
    assert [one["kind"] for one in Record.open(tmp_path / "r").events] == ["record", "said"]
    assert (tmp_path / "r").read_bytes().endswith(b"}\n")


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
