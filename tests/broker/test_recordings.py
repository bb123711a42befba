"""A recording answers what it was asked, and tells what differed when it is not asked that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.agent.messages import Message
from daemon.agent.providers import ModelFault
from daemon.agent.providers.openai import OpenAI, over_socket
from daemon.broker.faults import Fault
from daemon.broker.recordings import Recorder, Replay, Unfit, fit_of
from daemon.broker.refusals import TOOLS
from daemon.state.settings import load
from ops.errors import Refused
from tests.broker.running import KEY, Admin, running_broker
from tests.model_server import chunks, say

ASKED = [
    {"role": "system", "content": "be good"},
    {"role": "user", "content": "hello"},
]
REPLY = [{"choices": [{"delta": {"content": "hi"}}]}]

texts = st.text(max_size=20)
roles = st.sampled_from(["user", "assistant", "tool"])
messages = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["user", "assistant", "tool"]), "content": texts}
    ),
    min_size=1,
    max_size=5,
)


def recorded(path: Path, asked: list[dict[str, Any]]) -> Replay:
    recorder = Recorder(path, "a-model")
    recorder.add({"messages": asked}, REPLY)
    recorder.close()
    return Replay.open(path)


def test_what_was_recorded_is_replayed(tmp_path: Path) -> None:
    """The very chunks, in order, once."""
    replay = recorded(tmp_path / "s.jsonl", ASKED)
    assert replay.answer(ASKED) == REPLY
    with pytest.raises(Unfit, match="ends after 1"):
        replay.answer(ASKED)


def test_a_refusal_that_was_gone_on_from_is_replayed_too(tmp_path: Path) -> None:
    """And what the agent was told of its context: it decides what is asked."""
    words = [*ASKED, {"role": "user", "content": "your tools, in words"}]
    recorder = Recorder(tmp_path / "s.jsonl", "m", context_tokens=4096)
    recorder.add_refusal({"messages": ASKED}, TOOLS)
    recorder.add({"messages": words}, REPLY)
    recorder.close()
    replay = Replay.open(tmp_path / "s.jsonl")
    assert replay.context_tokens == 4096
    with pytest.raises(Fault) as refused:
        replay.answer(ASKED)
    assert refused.value.code == TOOLS
    assert replay.answer(words) == REPLY


def test_another_question_is_told_and_answered_by_nothing(tmp_path: Path) -> None:
    """The difference is named; the recording stays where it is."""
    replay = recorded(tmp_path / "s.jsonl", ASKED)
    with pytest.raises(Unfit, match=r"recorded user .hello., asked user .goodbye."):
        replay.answer([{"role": "user", "content": "goodbye"}])
    assert replay.answer(ASKED) == REPLY


def test_a_killed_session_is_still_one(tmp_path: Path) -> None:
    """Each exchange is on disk when it is over."""
    recorder = Recorder(tmp_path / "s.jsonl", "m")
    recorder.add({"messages": ASKED}, REPLY)
    assert len(Replay.open(tmp_path / "s.jsonl").exchanges) == 1
    recorder.close()


def test_what_nobody_heard_is_kept_and_not_replayed(tmp_path: Path) -> None:
    """Who asks again what it asked before, also as a later process, begins anew from there."""
    path, later = tmp_path / "s.jsonl", [{"choices": [{"delta": {"content": "hi again"}}]}]
    more = [*ASKED, {"role": "assistant", "content": "hi again"}, {"role": "user", "content": "?"}]
    for asked, reply in ((ASKED, REPLY), (ASKED, later), (more, REPLY), (more, later)):
        recorder = Recorder(path, "m")
        recorder.add({"messages": asked}, reply)
        recorder.close()
    replay = Replay.open(path)
    assert [replay.answer(ASKED), replay.answer(more)] == [later, later]
    recorder = Recorder(path, "m")
    recorder.add({"messages": ASKED}, REPLY)  # from the beginning
    recorder.add({"messages": more}, REPLY)
    recorder.close()
    assert [one.reply for one in Replay.open(path).exchanges] == [REPLY, REPLY]
    assert len(path.read_bytes().splitlines()) == 7  # all were paid for


@pytest.mark.parametrize("text", ["", "no json\n", "[]\n", '{"session": 2}\n'])
def test_what_is_no_recording_is_refused(tmp_path: Path, text: str) -> None:
    """By name, with a way out."""
    (tmp_path / "s.jsonl").write_text(text)
    with pytest.raises(Refused, match=r"s\.jsonl"):
        Replay.open(tmp_path / "s.jsonl")


@given(messages, texts)
def test_the_system_prompt_is_no_part_of_the_fit(asked: list[dict[str, str]], prompt: str) -> None:
    """A later org with a better prompt and more tools still replays an old session."""
    assert fit_of(asked) == fit_of([{"role": "system", "content": prompt}, *asked])


@given(messages, st.data())
def test_any_other_change_does_not_fit(asked: list[dict[str, str]], data: st.DataObject) -> None:
    """One other word, role, or message more or less is another question."""
    at = data.draw(st.integers(0, len(asked) - 1))
    other = data.draw(texts.filter(lambda text: text != asked[at]["content"]))
    changed = [*asked[:at], asked[at] | {"content": other}, *asked[at + 1 :]]
    assert fit_of(changed) != fit_of(asked)
    assert fit_of(asked[1:]) != fit_of(asked)


def test_the_spacing_of_arguments_does_not_matter() -> None:
    """A call is its name and its arguments as values."""

    def calling(arguments: str) -> list[dict[str, Any]]:
        call = {"id": "x", "function": {"name": "f", "arguments": arguments}}
        return [{"role": "assistant", "content": "", "tool_calls": [call]}]

    assert fit_of(calling('{"a": 1}')) == fit_of(calling('{"a":1}'))
    assert fit_of(calling('{"a": 1}')) != fit_of(calling('{"a": 2}'))


def heard(admin: Admin, folder: Path, words: str, **limits: Any) -> str:
    """What one who asks through a door of its own is told: a reply, or the code of a fault."""
    opened = admin.do("open", cell="c", directory=str(folder), **limits)["ok"]
    with over_socket(opened["socket"], 10) as client:
        try:
            return OpenAI(client, "m").reply([Message(role="user", content=words)], []).content
        except ModelFault as fault:
            return fault.code


@pytest.mark.process
def test_the_provider_recorded_answers_from_its_recording_and_nowhere_else(tmp_path: Path) -> None:
    """Through the broker as any other; what no recording answers, nobody does."""
    session = tmp_path / "s.jsonl"
    recorder = Recorder(session, "a-model", context_tokens=4096)
    recorder.add({"messages": [{"role": "user", "content": "hello"}]}, list(chunks(say("hi"))))
    recorder.close()
    home = tmp_path / "home"
    settings = f'[model]\nprovider = "recorded"\nsession = "{session}"\n'
    with running_broker(home, settings, OPENAI_API_KEY=KEY) as admin:
        model = load(home).model
        own = model.session
        assert model.base == "http://127.0.0.1:9"  # where nobody listens
        assert heard(admin, tmp_path, "hello", replay=own) == "hi"
        assert admin.do("usage", cell="c")["ok"]["total_tokens"] == 120
        assert heard(admin, tmp_path, "goodbye", replay=own) == "recording_unfit"
        assert heard(admin, tmp_path, "hello") == "model_unreachable"
        admin.do("close", cell="c")
