"""The same twenty conversations over each wire protocol end the same for the agent."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anthropic
import anthropic.types as anthropic_types
import httpx
import httpx2
import openai
import openai.types.chat as openai_types
import pytest
from openai.lib.streaming.chat import ChatCompletionStreamState
from pydantic import TypeAdapter

from daemon.agent.messages import Call, Message
from daemon.agent.providers import ModelFault, Reply
from daemon.agent.providers.openai import OpenAI
from tests.broker.conversations import CONVERSATIONS, PIXEL, Conversation
from tests.broker.running import KEY, running_broker
from tests.broker.wires import (
    COMPLETION,
    LOADED_TOKENS,
    PATHS,
    PROMPT,
    STREAMS,
    WireServer,
    wire_server,
)

pytestmark = pytest.mark.process

KEY_OF = {"openai": "OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY"}


@dataclass
class Way:
    """A server of one protocol, and the door of a broker that speaks it."""

    provider: str
    server: WireServer
    socket: str
    official: openai.OpenAI

    def client(self) -> httpx.Client:
        transport = httpx.HTTPTransport(uds=self.socket)
        return httpx.Client(transport=transport, base_url="http://broker", timeout=10)


@pytest.fixture(scope="module", params=list(STREAMS))
def way(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Way]:
    home = tmp_path_factory.mktemp("home")
    provider = request.param
    with wire_server(provider) as server:
        settings = f'[model]\nprovider = "{provider}"\nbase = "{server.base}"\n'
        environment = {KEY_OF.get(provider, "X"): KEY}
        with running_broker(home, settings, **environment) as broker:
            opened = broker.do("open", cell="c", directory=str(home))
            socket = opened["ok"]["socket"]
            with httpx2.Client(transport=httpx2.HTTPTransport(uds=socket)) as http:
                official = openai.OpenAI(
                    api_key="none", base_url="http://broker/v1", http_client=http, max_retries=0
                )
                yield Way(provider, server, socket, official)


def messages_of(told: Conversation) -> list[Message]:
    """The conversation as an agent keeps it."""
    made = []
    for one in told.messages:
        calls = tuple(Call(id=call["id"], **call["function"]) for call in one.get("tool_calls", ()))
        content = one["content"]
        images = (PIXEL,) if isinstance(content, list) else ()
        text = content[0]["text"] if isinstance(content, list) else content
        answers = one.get("tool_call_id")
        made.append(
            Message(role=one["role"], content=text, calls=calls, answers=answers, images=images)
        )
    return made


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_an_agent_hears_the_same_over_every_protocol(way: Way, name: str) -> None:
    """Text, thoughts apart from it, calls with whole arguments, how it ended, what it cost."""
    told = way.server.answer = CONVERSATIONS[name]
    pieces: list[str] = []
    with way.client() as client:
        reply = OpenAI(client, "m", pieces.append).reply(messages_of(told), told.tools)
    assert reply.content == "".join(told.text)
    assert reply.reasoning == "".join(told.thoughts)
    assert [(one.name, json.loads(one.arguments)) for one in reply.calls] == [
        (one.name, json.loads(one.arguments)) for one in told.calls
    ]
    assert len({one.id for one in reply.calls}) == len(told.calls)
    assert reply.finish == told.finish
    assert "".join(pieces) == reply.content
    assert_counted(way, told, reply)


def assert_counted(way: Way, told: Conversation, reply: Reply) -> None:
    """Usage always: the server's own count, or an estimate that is marked as one."""
    if told.counted or way.provider == "anthropic":
        assert (reply.usage.prompt_tokens, reply.usage.completion_tokens) == (PROMPT, COMPLETION)
        assert not reply.usage.estimated
    else:
        assert reply.usage.estimated
        assert reply.usage.prompt_tokens > 0
        assert reply.usage.completion_tokens > 0


def check_asked(way: Way, told: Conversation) -> None:
    """The path, the key's header, and a body that the official client's own types accept."""
    path, headers, asked = way.server.asked[-1]
    assert path == PATHS.get(way.provider, "/v1/chat/completions")
    assert asked["stream"] is True
    if way.provider == "anthropic":
        assert headers["x-api-key"] == KEY
        check_anthropic(asked, told)
    elif way.provider == "ollama":
        check_ollama(asked, told)
    else:
        kind: Any = openai_types.completion_create_params.CompletionCreateParamsStreaming
        assert TypeAdapter(kind).validate_python(asked)
        assert asked["messages"] == told.messages


def check_anthropic(asked: dict[str, Any], told: Conversation) -> None:
    kind: Any = anthropic_types.message_create_params.MessageCreateParamsStreaming
    assert TypeAdapter(kind).validate_python(asked)
    roles = [turn["role"] for turn in asked["messages"]]
    assert roles[0] == "user"
    assert all(a != b for a, b in itertools.pairwise(roles))
    systems = [one["content"] for one in told.messages if one["role"] == "system"]
    assert "\n\n".join(systems) == "".join(part["text"] for part in asked.get("system", ()))
    blocks = [block for turn in asked["messages"] for block in turn["content"]]
    used = [one["id"] for one in blocks if one["type"] == "tool_use"]
    assert used == [one["tool_use_id"] for one in blocks if one["type"] == "tool_result"]
    images = [one["source"]["data"] for one in blocks if one["type"] == "image"]
    assert images == ([PIXEL.partition(",")[2]] if told is CONVERSATIONS["image"] else [])


def check_ollama(asked: dict[str, Any], told: Conversation) -> None:
    assert [one["role"] for one in asked["messages"]] == [one["role"] for one in told.messages]
    for one in asked["messages"]:
        assert isinstance(one["content"], str)
        for call in one.get("tool_calls", ()):
            assert isinstance(call["function"]["arguments"], dict)
        assert one["role"] != "tool" or one["tool_name"] in ("weather", "add")
    images = [image for one in asked["messages"] for image in one.get("images", ())]
    assert images == ([PIXEL.partition(",")[2]] if told is CONVERSATIONS["image"] else [])
    assert asked["options"] == {"num_ctx": LOADED_TOKENS} | {
        {"max_tokens": "num_predict"}.get(key, key): value for key, value in told.more.items()
    }


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_the_official_openai_client_speaks_to_every_protocol(way: Way, name: str) -> None:
    """The server is asked in its own words; what the broker makes of its answer is OpenAI's."""
    told = way.server.answer = CONVERSATIONS[name]
    asked: Any = {"model": "m", "messages": told.messages, "stream": True, **told.more}
    asked |= {"tools": list(told.tools)} if told.tools else {}
    state: Any = ChatCompletionStreamState()
    for chunk in way.official.chat.completions.create(**asked):
        state.handle_chunk(chunk)
    check_asked(way, told)
    choice = state.current_completion_snapshot.choices[0]
    assert (choice.message.content or "") == "".join(told.text)
    made = [one.function for one in choice.message.tool_calls or ()]
    assert [(one.name, json.loads(one.arguments)) for one in made] == [
        (one.name, json.loads(one.arguments)) for one in told.calls
    ]
    assert choice.finish_reason == told.finish
    assert state.current_completion_snapshot.usage is not None


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_the_official_anthropic_client_reads_the_same_stream(name: str) -> None:
    """The streams that stand for Anthropic's are ones that its own client understands alike."""
    told = CONVERSATIONS[name]
    with wire_server("anthropic") as server:
        server.answer = told
        client = anthropic.Anthropic(api_key="none", base_url=server.base, max_retries=0)
        asked: Any = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]}
        with client.messages.stream(**asked) as stream:
            whole = stream.get_final_message()
        client.close()
    text = "".join(one.text for one in whole.content if one.type == "text")
    assert text == "".join(told.text)
    calls = [(one.name, one.input) for one in whole.content if one.type == "tool_use"]
    assert calls == [(one.name, json.loads(one.arguments)) for one in told.calls]


REFUSALS = [
    json.loads(line) for line in (Path(__file__).parent / "refusals.jsonl").read_text().splitlines()
]


def test_refusals_are_told_by_kind(way: Way) -> None:
    """As each server words them; the wait that it asks for is passed on."""
    for one in REFUSALS:
        if one["provider"] != way.provider:
            continue
        body = one["body"]
        raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        way.server.answer = (one["status"], one["headers"], raw)
        ask = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
        with way.client() as client:
            answer = client.post("/v1/chat/completions", json=ask)
        assert answer.json()["error"]["code"] == one["code"], body
        assert answer.headers.get("retry-after") == one["headers"].get("retry-after")
        assert answer.status_code >= 400


CUTS: dict[str, list[list[bytes]]] = {
    "ollama": [
        [b'{"message": {"role": "assistant", "content": "half"}, "done": false}\n'],
        [b'{"message": {"content": "half"}, "done": false}\n', b'{"error": "out of memory"}\n'],
    ],
    "anthropic": [
        list(STREAMS["anthropic"](CONVERSATIONS["text"]))[:4],
        [
            *list(STREAMS["anthropic"](CONVERSATIONS["text"]))[:4],
            b'event: error\ndata: {"type": "error", "error": {"type": "overloaded_error"}}\n\n',
        ],
    ],
}


def test_half_a_stream_is_no_reply(way: Way) -> None:
    """Cut, or ended by an error in its midst: the agent is told by kind, never given the half."""
    for pieces in CUTS.get(way.provider) or [
        list(STREAMS[way.provider](CONVERSATIONS["text"]))[:3]
    ]:
        way.server.answer = pieces
        with way.client() as client, pytest.raises(ModelFault) as caught:
            OpenAI(client, "m", left=lambda: 0).reply([Message(role="user", content="hi")], [])
        assert caught.value.code in ("model_cut", "model_failed", "model_overloaded")
