"""Chats whose tools run here: what they call is run between two turns, and told as one answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import openai
import pytest

from tests.model_server import chunks, say
from tests.orchestrator.house import house, served
from tests.orchestrator.program import ASK, SECONDS
from tests.orchestrator.scripted_broker import Answering, scripted_broker


@contextmanager
def running_tools(*replies: Any) -> Iterator[tuple[openai.OpenAI, list[dict[str, Any]]]]:
    """A client whose tools run here, its model's replies, and what that was asked."""
    asked: list[dict[str, Any]] = []

    def play(broker: Answering) -> None:
        asked.append(broker.asked)
        broker.head()
        for chunk in chunks(replies[len(asked) - 1]):
            broker.piece(b"data: " + json.dumps(chunk).encode() + b"\n\n")
        broker.done()

    with house() as here, scripted_broker(here.world.layout.run / "b", play) as way:
        with served(here, {"tools": "server"}, ORG_BROKER=way.path) as (_, url):
            secret = here.token("agent", "chat", "tools")
            with openai.OpenAI(base_url=f"{url}/v1", api_key=secret, max_retries=0) as api:
                yield api, asked


@pytest.mark.process
@pytest.mark.parametrize("stream", [True, False])
def test_tools_run_here_when_the_setting_says_so(stream: bool) -> None:
    """What the model calls is run in a cell and told to it; text and usage are of all rounds."""
    replies = [say("Let me see. ", sh={"command": "echo seen; pwd"}), say("It is there.")]
    with running_tools(*replies) as (api, asked):
        if stream:
            got = list(api.chat.completions.create(model="m", messages=ASK, stream=True))
            text = "".join(one.choices[0].delta.content or "" for one in got)
            usage = got[-1].usage
            assert got[0].choices[0].delta.role == "assistant"
        else:
            answer = api.chat.completions.create(model="m", messages=ASK)
            text, usage = str(answer.choices[0].message.content), answer.usage
    assert text == "Let me see. It is there."
    assert usage is not None
    assert usage.total_tokens == 240
    told = asked[1]["messages"][-1]
    assert (told["role"], told["tool_call_id"]) == ("tool", "call_0")
    assert "seen\n/workspace" in told["content"]


@pytest.mark.process
def test_a_call_in_the_text_runs_here_too() -> None:
    """As coder models write it; no text is lost, and JSON that calls nothing is text."""
    wrote = '```json\n{"name": "sh", "arguments": {"command": "echo seen"}}\n```'
    shown = '```json\n{"name": "weather", "arguments": {"city": "Oslo"}}\n```'
    replies = [say(wrote), say(shown)]
    with running_tools(*replies) as (api, asked):
        answer = api.chat.completions.create(model="m", messages=ASK)
    assert answer.choices[0].message.content == wrote + shown
    assert len(asked) == 2
    reply, told = asked[1]["messages"][-2:]
    assert reply == {"role": "assistant", "content": wrote}
    assert told["role"] == "user" and told["content"].startswith("[sh]\n")
    assert "seen" in told["content"]


@pytest.mark.process
def test_both_kinds_of_one_reply_run_in_order_and_what_comes_twice_once() -> None:
    first, second = "echo first", "echo second"
    wrote = "".join(
        f'```json\n{{"name": "sh", "arguments": {{"command": "{one}"}}}}\n```\n'
        for one in (first, second)
    )
    with running_tools(say(wrote, sh={"command": first}), say("Done.")) as (api, asked):
        api.chat.completions.create(model="m", messages=ASK)
    reply, *told = asked[1]["messages"][-3:]
    assert [call["id"] for call in reply["tool_calls"]] == ["call_0"]
    assert [one["role"] for one in told] == ["tool", "user"]
    assert ["first" in told[0]["content"], "second" in told[1]["content"]] == [True, True]


def test_the_client_hears_of_its_own_calls_alone() -> None:
    """A call is forced once; and of a reply with both kinds, ours are not its business."""
    weather = {"type": "function", "function": {"name": "weather", "parameters": {}}}
    forced = {"type": "function", "function": {"name": "sh"}}
    both = say("", sh={"command": "echo again"}, weather={"city": "Oslo"})
    replies = [say("", sh={"command": "echo seen"}), both]
    with running_tools(*replies) as (api, asked):
        answer = api.chat.completions.create(
            model="m", messages=ASK, tools=[weather], tool_choice=forced
        )
    assert [one["tool_choice"] for one in asked] == [forced, "auto"]
    calls = answer.choices[0].message.tool_calls or []
    assert [call.function.name for call in calls] == ["weather"]


@pytest.mark.parametrize("stream", [True, False])
def test_what_a_round_of_ours_is_refused_is_told_as_such(stream: bool) -> None:
    """With tools run here: a model that there is not, and when to ask again."""
    refusals = [(403, "model_not_offered", {}), (429, "model_rate_limit", {"retry_after": "7"})]

    def play(broker: Answering) -> None:
        status, code, headers = refusals.pop(0)
        broker.head(status, "application/json", **headers)
        broker.piece(json.dumps({"error": {"message": "no", "code": code}}).encode())
        broker.piece(b"")

    with house() as here, scripted_broker(here.world.layout.run / "b", play) as way:
        with served(here, {"tools": "server"}, ORG_BROKER=way.path) as (_, url):
            secret = here.token("agent", "chat", "tools")
            with openai.OpenAI(base_url=f"{url}/v1", api_key=secret, max_retries=0) as api:
                with pytest.raises(openai.NotFoundError):
                    api.chat.completions.create(model="m", messages=ASK, stream=stream)
                with pytest.raises(openai.RateLimitError) as often:
                    api.chat.completions.create(model="m", messages=ASK, stream=stream)
    assert often.value.response.headers["retry-after"] == "7"


def test_leaving_while_tools_run_here_frees_the_model() -> None:
    """Also who did not ask for a stream."""

    def play(asked: Answering) -> None:
        asked.head()
        asked.delta("word")
        asked.until_gone()

    with house() as here, scripted_broker(here.world.layout.run / "b", play) as way:
        with served(here, {"tools": "server"}, ORG_BROKER=way.path) as (_, url):
            secret = here.token("agent", "chat", "tools")
            with openai.OpenAI(base_url=f"{url}/v1", api_key=secret, max_retries=0) as api:
                with pytest.raises(openai.APITimeoutError):
                    api.chat.completions.create(model="m", messages=ASK, timeout=1.0)
                assert way.gone.wait(SECONDS)
