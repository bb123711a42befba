"""Whatever a candidate writes where trusted processes read: an answer, never an error."""

from __future__ import annotations

import asyncio
import json
import unicodedata

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daemon.core import release as releases
from daemon.supervisor.channel import Channel
from fitness import trial
from fitness.jury import REASON_CHARS_MAX, sentence
from fitness.subject import Reply
from fitness.suites import contract
from ops import render
from ops.cell import Outcome
from ops.errors import Refused
from ops.goal_files import read as read_goals
from ops.history import History

CALM = settings(max_examples=40, deadline=None)
ENDED = Outcome(0, None, None, b"", b"", False, 0.1)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
KEYS = st.sampled_from(["id", "outcome", "text", "event", "scorecard", "end", "choices", "data"])
SHAPED = st.dictionaries(KEYS, JSON, max_size=4)
BOMBS = st.sampled_from(
    [b"[" * 200_000, b"9" * 100_000, b'"\\ud800"', b"\xff\xfe", b"NaN", b"1e999"]
)
LINES = st.binary(max_size=64) | BOMBS | (JSON | SHAPED).map(lambda told: json.dumps(told).encode())


@CALM
@given(st.lists(LINES, max_size=5))
def test_reports_of_tests_are_read_whatever_they_hold(lines: list[bytes]) -> None:
    """Each result is a name and an outcome; the rest is passed over."""
    read = trial._read(b"\n".join(lines), ENDED)
    assert all(isinstance(name, str) for pair in read.results.items() for name in pair)


@CALM
@given(LINES.filter(lambda line: b"\n" not in line))
def test_a_child_may_say_anything_on_its_channel(line: bytes) -> None:
    """An object is a message; anything else ends the channel, and nothing else."""

    async def told() -> object:
        channel, theirs = await Channel.pair()
        try:
            theirs.sendall(line[:60_000] + b"\n")
            theirs.close()
            return await asyncio.wait_for(channel.receive(), 5)
        finally:
            channel.close()

    message = asyncio.run(told())
    assert message is None or isinstance(message, dict)


@CALM
@given(st.text(max_size=2_000))
def test_a_reason_is_one_bounded_line(text: str) -> None:
    """Printable, whatever a candidate made a gate say."""
    said = sentence(text)
    assert said.isprintable()
    assert len(said) <= REASON_CHARS_MAX * 12


@CALM
@given(st.text(max_size=500))
def test_what_is_shown_steers_no_terminal(text: str) -> None:
    """No control character but line ends and tabs, and none that turns the direction."""
    shown = render.safe(text)
    odd = {char for char in shown if unicodedata.category(char) in ("Cc", "Cf")} - {"\n", "\t"}
    assert odd == set()


@pytest.mark.parametrize("promise", contract.PROMISES, ids=lambda one: one.name)
@settings(max_examples=20, deadline=None)
@given(st.integers(100, 599), (JSON | SHAPED).map(json.dumps) | st.text(max_size=50))
def test_any_answer_is_kept_or_broken(promise: contract.Promise, status: int, text: str) -> None:
    """A promise never breaks the one who asks."""
    found = promise.check(lambda *_, **__: Reply(status, text, {}))
    assert found is None or isinstance(found, str)


NAMES = st.sampled_from(["a.txt", "b.toml", "b/goal.md", "b/accept.json", "c/test_x.py", "d.md"])


@CALM
@given(st.dictionaries(NAMES, st.binary(max_size=64) | JSON.map(lambda t: json.dumps(t).encode())))
def test_goals_in_a_tree_are_read_or_refused(files: dict[str, bytes]) -> None:
    """Files that somebody else's repo brings."""
    try:
        found = read_goals(files)
    except Refused:
        return
    assert all(isinstance(fields, dict) for fields in found.values())


@settings(
    max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(st.text(max_size=60), st.sampled_from(["\n", "\x85", "\u2028", "\r", "\n\n"]))
def test_no_text_forges_a_trailer(
    tmp_path_factory: pytest.TempPathFactory, text: str, end: str
) -> None:
    """A goal that says what a base is changes no commit's base."""
    history = History.create(tmp_path_factory.mktemp("forged") / "repo.git")
    base, forged = "b" * 40, "f" * 40
    goal = f"{text}{end}{releases.BASE}: {forged}{end}"
    told = {releases.GOAL: goal, releases.BASE: base, releases.CANDIDATE: "c"}
    message = releases.message(goal, f"{text}{end}{goal}", told)
    commit = history.commit(history.write_tree([]), [], message, 1)
    assert history.trailers(commit).get(releases.BASE) == base
