"""Teams and their members answer as models, by the broker's own models."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest

from ops import teams
from tests.orchestrator.house import house, served
from tests.orchestrator.scripted_broker import DONE, Answering, scripted_broker

SEATS = [
    {"name": "ann", "model": "small", "persona": "You are Ann, who doubts."},
    {"name": "bea", "model": "large", "persona": "You are Bea, who leads."},
    {"name": "cy", "model": "", "persona": ""},
]
USAGE = {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12}
asked: list[dict[str, object]] = []


@pytest.fixture(scope="module")
def http() -> Iterator[httpx.Client]:
    with house() as here:
        teams.create(here.world.layout, "three", {"seats": SEATS, "lead": "bea"})
        (here.world.layout.home / "teams/spoilt.toml").write_text("[members")
        with scripted_broker(here.world.layout.run / "b", answer) as broker:
            with served(here, ORG_BROKER=broker.path) as (_, url):
                headers = {"authorization": f"Bearer {here.token('chat', 'chat')}"}
                with httpx.Client(base_url=url, trust_env=False, headers=headers) as client:
                    yield client


def answer(broker: Answering) -> None:
    """A list of models; of a chat, the word of whoever is asked."""
    if broker.command == "GET":
        broker.head(200, "application/json")
        broker.piece(json.dumps({"object": "list", "data": []}).encode())
        broker.piece(b"")
        return
    asked.append(broker.asked)
    broker.head()
    if "Break off." in str(broker.asked["messages"]):
        broker.delta("half")
        return
    broker.delta(f"the word of {broker.asked.get('model')}")
    told = {"choices": [], "usage": USAGE}
    broker.piece(b"data: " + json.dumps(told).encode() + b"\n\n" + DONE)
    broker.piece(b"")


def say(http: httpx.Client, model: str, **more: object) -> httpx.Response:
    asked.clear()
    body = {"model": model, "messages": [{"role": "user", "content": "Why?"}], **more}
    return http.post("/v1/chat/completions", json=body)


def test_they_are_on_offer(http: httpx.Client) -> None:
    """A team whose file cannot be read is not."""
    names = [one["id"] for one in http.get("/v1/models").json()["data"]]
    assert names[1:] == ["team/three", *(f"agent/three.{seat['name']}" for seat in SEATS)]


def test_a_member_answers_with_its_persona_and_its_model(http: httpx.Client) -> None:
    said = say(http, "agent/three.ann", stream=True)
    assert "the word of small" in said.text and said.text.endswith("data: [DONE]\n\n")
    (body,) = asked
    assert body["model"] == "small"
    assert body["messages"] == [
        {"role": "system", "content": SEATS[0]["persona"]},
        {"role": "user", "content": "Why?"},
    ]
    say(http, "agent/three.cy", stream=True)
    assert "model" not in asked[0]


@pytest.mark.parametrize("streams", [False, True])
def test_a_team_is_heard_through_its_lead(http: httpx.Client, streams: bool) -> None:
    """Each hears those before it; everybody's tokens are counted; tools are the lead's alone."""
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    said = say(http, "team/three", stream=streams, tools=[tool])
    assert [body.get("model") for body in asked] == ["small", None, "large"]
    assert ["tools" in body for body in asked] == [False, False, True]
    heard = [str(body["messages"]) for body in asked]
    assert "the word of small" in heard[1] and "the word of None" in heard[2]
    if streams:
        chunks = [
            json.loads(row[6:]) for row in said.text.split("\n\n") if row.startswith("data: {")
        ]
        deltas = [one["choices"][0]["delta"] for one in chunks if one["choices"]]
        assert deltas[0]["role"] == "assistant"
        aside = "".join(one.get("reasoning_content", "") for one in deltas)
        assert aside == "ann: the word of small\n\ncy: the word of None\n\n"
        assert "".join(one.get("content", "") for one in deltas) == "the word of large"
        assert {one["model"] for one in chunks} == {"team/three"}
        assert chunks[-1]["usage"]["total_tokens"] == 36
    else:
        found = said.json()
        assert found["choices"][0]["message"]["content"] == "the word of large"
        assert (found["model"], found["usage"]["total_tokens"]) == ("team/three", 36)


@pytest.mark.parametrize("model", ["team/four", "agent/three.dan", "agent/three", "team/spoilt"])
def test_who_is_not_there_is_no_model(http: httpx.Client, model: str) -> None:
    said = say(http, model)
    assert (said.status_code, said.json()["error"]["code"]) == (404, "model_not_found")
    assert asked == []


def test_a_broker_that_breaks_off_is_told(http: httpx.Client) -> None:
    """With the status of one who asked another in vain, never as half an answer."""
    broken = [{"role": "user", "content": "Break off."}]
    answered = say(http, "team/three", messages=broken)
    assert answered.status_code == 502
    assert answered.json()["error"]["code"] == "model_cut"
