"""Each kind of fault has its treatment: asked again, another model, or an end with its reason."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import stamina
from hypothesis import given
from hypothesis import strategies as st

from daemon.agent.messages import Call, Message
from daemon.agent.providers import ModelFault
from daemon.agent.providers.assembly import Assembly
from daemon.agent.providers.openai import OpenAI
from daemon.agent.providers.treatments import TREATMENTS
from daemon.broker.chunks import joined
from daemon.orchestrator.turns import Round
from tests.model_server import chunks, say

HI = [Message(role="user", content="hi")]


@pytest.fixture(autouse=True)
def without_pauses() -> Iterator[None]:
    with stamina.set_testing(True, attempts=20, cap=True):
        yield


class Server:
    """Answers what was written; a string is the code of a fault."""

    def __init__(self, *answers: Any, retry_after: str | None = None) -> None:
        self.answers = list(answers)
        self.retry_after = retry_after
        self.asked: list[dict[str, Any]] = []
        way = httpx.MockTransport(self.answer)
        self.client = httpx.Client(transport=way, base_url="http://broker")

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(json.loads(request.content))
        one = self.answers.pop(0)
        if isinstance(one, bytes):
            return httpx.Response(200, content=one)
        if isinstance(one, str):
            headers = {"retry-after": self.retry_after} if self.retry_after else {}
            error = {"error": {"message": one, "code": one}}
            return httpx.Response(503, json=error, headers=headers)
        return httpx.Response(200, content=stream(one))


def stream(reply: dict[str, Any]) -> bytes:
    return b"".join(b"data: " + json.dumps(one).encode() + b"\n\n" for one in chunks(reply)) + (
        b"data: [DONE]\n\n"
    )


@pytest.mark.parametrize("code", TREATMENTS)
def test_a_fault_is_asked_again_as_often_as_its_kind_deserves(code: str) -> None:
    """And then rises with its own code."""
    attempts = TREATMENTS[code].attempts
    server = Server(*[code] * 20)
    with pytest.raises(ModelFault) as caught:
        OpenAI(server.client, "m").reply(HI, [])
    assert (caught.value.code, len(server.asked)) == (code, attempts)


@pytest.mark.parametrize("code", [code for code in TREATMENTS if TREATMENTS[code].attempts > 1])
def test_a_fault_that_passed_is_forgotten(code: str) -> None:
    server = Server(code, say("well"))
    assert OpenAI(server.client, "m").reply(HI, []).content == "well"


@pytest.mark.parametrize("code", TREATMENTS)
def test_another_model_is_asked_where_that_may_help(code: str) -> None:
    """One that failed is not asked again in this run."""
    kind = TREATMENTS[code]
    server = Server(*[code] * kind.attempts, say("well"), say("still"))
    model = OpenAI(server.client, "first", others=["second"])
    if not kind.other_model:
        with pytest.raises(ModelFault):
            model.reply(HI, [])
        return
    assert model.reply(HI, []).content == "well"
    assert model.reply(HI, []).content == "still"
    assert [one["model"] for one in server.asked] == [
        *["first"] * kind.attempts,
        "second",
        "second",
    ]


def test_a_model_that_takes_no_temperature_is_asked_without() -> None:
    server = Server(say("cool"), "model_bad_request", say("well"), "model_bad_request")
    model = OpenAI(server.client, "m")
    assert model.reply(HI, [], 0.2).content == "cool"
    assert model.reply(HI, [], 0.2).content == "well"
    assert [one.get("temperature") for one in server.asked] == [0.2, 0.2, None]
    with pytest.raises(ModelFault):  # that was not what it refused
        model.reply(HI, [])


def test_a_reply_that_was_withheld_is_a_refusal() -> None:
    """Its first words are none: another model may say more."""
    cut = stream(say("I will")).replace(b'"stop"', b'"content_filter"')
    with pytest.raises(ModelFault) as caught:
        OpenAI(Server(cut).client, "m").reply(HI, [])
    assert caught.value.code == "model_refused"
    both = OpenAI(Server(cut, say("well")).client, "m", others=["second"])
    assert both.reply(HI, []).content == "well"


def test_half_a_reply_is_asked_for_again() -> None:
    """What had come of it is thrown away, and whoever heard it is told; else nobody is."""
    whole = stream(say("a whole reply, in several pieces of it"))
    heard: list[str | None] = []
    for first in (whole[: whole.index(b"pieces")], b"", "model_failed"):
        server = Server(first, say("again"))
        model = OpenAI(server.client, "m", heard.append, anew=lambda: heard.append(None))
        assert model.reply(HI, []).content == "again"
    told = [one for one in heard if one != ""]
    assert told.count(None) == 1
    cut = told.index(None)
    assert "".join(filter(None, told[:cut])).startswith("a whole")
    assert "".join(filter(None, told[cut:])) == "again" * 3


def test_the_server_says_how_long_to_wait() -> None:
    """Retry-After is kept to; one that is longer than what is left ends the asking."""
    stamina.set_testing(False)
    server = Server("model_rate_limit", say("well"), retry_after="1")
    began = time.monotonic()
    assert OpenAI(server.client, "m").reply(HI, []).content == "well"
    assert time.monotonic() - began >= 1.0
    server = Server("model_rate_limit", say("well"), retry_after="60")
    with pytest.raises(ModelFault, match="rate_limit"):
        OpenAI(server.client, "m", left=lambda: 30.0).reply(HI, [])


class Clock:
    """Waits for nothing, and keeps what it was asked for."""

    def __init__(self) -> None:
        self.pauses: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)


def test_each_pause_is_twice_the_one_before_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 0.2 s at first and 30 s at most, each longer by up to half a second of chance."""
    stamina.set_testing(False)
    random.seed(1)
    clock = Clock()
    monkeypatch.setattr("tenacity.nap.time", clock)
    server = Server(*["model_rate_limit"] * 5, *["model_overloaded"] * 4, say("well"))
    assert OpenAI(server.client, "m").reply(HI, []).content == "well"
    least = [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0]
    chances = [took - floor for took, floor in zip(clock.pauses, least, strict=True)]
    assert chances.pop() == 0
    assert all(0 <= chance <= 0.5 for chance in chances)
    assert len({round(chance, 2) for chance in chances}) > 4


@pytest.mark.parametrize(("wish", "least"), [("0", 0.2), ("7", 7.0), ("x", 0.2)])
def test_a_named_wait_is_no_crowd(monkeypatch: pytest.MonkeyPatch, wish: str, least: float) -> None:
    """Those who were told the same come back apart; no time at all is no wish."""
    stamina.set_testing(False)
    random.seed(1)
    clock = Clock()
    monkeypatch.setattr("tenacity.nap.time", clock)
    for _ in range(3):
        server = Server("model_rate_limit", say("well"), retry_after=wish)
        assert OpenAI(server.client, "m").reply(HI, []).content == "well"
        seconds = float(wish) if wish.isdecimal() else wish
        told = {"error": {"message": "slow", "code": "model_rate_limit", "retry_after_s": seconds}}
        server = Server(b"data: " + json.dumps(told).encode() + b"\n\n", say("well"))
        assert OpenAI(server.client, "m").reply(HI, []).content == "well"
    assert all(least <= pause <= least + 0.5 for pause in clock.pauses), clock.pauses
    assert len(set(clock.pauses)) == 6


def test_a_listener_can_end_the_stream() -> None:
    """What it raises comes out, and the connection is closed."""

    class Enough(Exception):
        pass

    def hear(text: str) -> None:
        raise Enough

    with pytest.raises(Enough):
        OpenAI(Server(say("endless " * 100)).client, "m", hear).reply(HI, [])


CALLS = st.lists(
    st.tuples(
        st.sampled_from(["read", "write"]), st.dictionaries(st.text(), st.text(), max_size=3)
    ),
    max_size=5,
)


@given(CALLS, st.data())
def test_pieces_of_calls_come_together_in_any_order(
    calls: list[tuple[str, dict[str, str]]], data: st.DataObject
) -> None:
    """Cut anywhere, mixed in any way: as long as each call's own pieces keep their order."""
    queues: list[list[dict[str, Any]]] = []
    for index, (name, arguments) in enumerate(calls):
        text = json.dumps(arguments)
        cut = data.draw(st.integers(0, len(text)))
        begun = {"index": index, "id": f"c{index}", "function": {"name": name, "arguments": ""}}
        rest = [
            {"index": index, "function": {"arguments": one}} for one in (text[:cut], text[cut:])
        ]
        queues.append([begun, *rest])
    assembly = Assembly()
    while any(queues):
        queue = data.draw(st.sampled_from([one for one in queues if one]))
        assembly.add({"choices": [{"delta": {"tool_calls": [queue.pop(0)]}}]})
    reply = assembly.reply(0)
    assert [(one.name, json.loads(one.arguments)) for one in reply.calls] == calls


def piece(identity: str | None, name: str | None, arguments: str, **index: int) -> dict[str, Any]:
    function = {"arguments": arguments} | ({"name": name} if name else {})
    return {"id": identity, "function": function, **index}


def test_a_round_adds_what_was_told_of_its_cost() -> None:
    """What a server does not tell adds nothing."""
    spent, round_ = {"prompt_tokens": 5, "completion_tokens": 5}, Round()
    round_.add_to(spent)
    assert spent == {"prompt_tokens": 5, "completion_tokens": 5}
    round_.saw({"usage": {"prompt_tokens": 2, "completion_tokens": None}})
    round_.add_to(spent)
    assert spent == {"prompt_tokens": 7, "completion_tokens": 5}


@pytest.mark.parametrize(
    "pieces",
    [
        [piece("a", "read", '{"n": 1}', index=0), piece("b", "read", '{"n": 2}', index=0)],
        [
            piece("a", "read", '{"n":', index=0),
            piece(None, None, " 1}", index=0),
            piece("b", "read", '{"n": ', index=0),
            piece(None, None, "2}", index=0),
        ],
        [piece("a", "read", '{"n": 1}'), piece("b", "read", '{"n": '), piece(None, None, "2}")],
        [piece("", "read", '{"n": 1}'), piece("", "read", '{"n": 2}')],
    ],
    ids=["one index", "one index, in pieces", "no index", "no id"],
)
def test_calls_without_an_index_of_their_own_are_kept_apart(pieces: list[dict[str, Any]]) -> None:
    """For the agent, and where the broker or the server joins a stream."""
    chunk = [{"choices": [{"delta": {"tool_calls": [one]}}]} for one in pieces]
    assembly, round_ = Assembly(), Round()
    for one in chunk:
        assembly.add(one)
        round_.saw(one)
    calls = assembly.reply(0).calls
    assert [(one.name, one.arguments) for one in calls] == [
        ("read", '{"n": 1}'),
        ("read", '{"n": 2}'),
    ]
    assert len({one.id for one in calls}) == 2
    wire = [call.wire() for call in calls]
    assert joined(chunk)["choices"][0]["message"]["tool_calls"] == wire
    assert round_.calls.whole() == wire


def test_halves_of_a_character_are_joined_and_one_alone_is_replaced() -> None:
    """Else the next question could not be encoded."""
    assembly = Assembly()
    for half in ("\ud83d", "\ude00", " \ud83d"):
        assembly.add({"choices": [{"delta": {"content": half, "reasoning": half}}]})
        call = {"index": 0, "function": {"arguments": half}}
        assembly.add({"choices": [{"delta": {"tool_calls": [call]}}]})
    reply = assembly.reply(0)
    whole = "\U0001f600 \ufffd"
    assert (reply.content, reply.reasoning, reply.calls[0].arguments) == (whole, whole, whole)


def test_what_cannot_be_encoded_does_not_end_the_run() -> None:
    """A tool may name a file whose name is no UTF-8."""
    server = Server(say("well"))
    messages = [Message(role="user", content="a\udcff.txt", images=("data:,",))]
    call = Call(id="c", name="sh", arguments='"\udcff"')
    messages.append(Message(role="assistant", content="\udcff", calls=(call,)))
    assert OpenAI(server.client, "m").reply(messages, []).content == "well"
    asked = server.asked[0]["messages"]
    assert asked[0]["content"][0]["text"] == "a\ufffd.txt"
    assert asked[1]["content"] == "\ufffd"
