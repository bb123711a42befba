"""The official openai client works unchanged against :7001, with the real broker behind it."""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import openai
import pytest

from daemon.orchestrator import embeddings
from daemon.orchestrator.usage import one_usage
from ops.processes import spawn
from ops.sockets import read_lines, send_line
from tests.model_server import chunks, say, scripted_model
from tests.orchestrator.house import house, served
from tests.orchestrator.program import ROOT, SECONDS, program
from tests.orchestrator.scripted_broker import Answering, scripted_broker

ASK: Any = [{"role": "user", "content": "hello"}]
TOOL: Any = {
    "type": "function",
    "function": {"name": "look", "parameters": {"type": "object", "properties": {}}},
}


@contextmanager
def broker(folder: Path, base: str) -> Iterator[str]:
    """The real broker with one open door, and its socket."""
    (folder / "state").mkdir()
    (folder / "door").mkdir()
    (folder / "org.toml").write_text(f'[model]\nbase = "{base}"\n')
    ours, theirs = socket.socketpair()
    ours.settimeout(SECONDS)
    argv = [sys.executable, "-I", str(ROOT / "ops/boot.py"), "daemon.broker", "--home", str(folder)]
    child = spawn(argv, environment={"PATH": os.environ["PATH"]}, fds={4: theirs.fileno()})
    theirs.close()
    try:
        heard = read_lines(ours)
        assert "ready" in next(heard)
        send_line(ours, {"id": 1, "do": "open", "cell": "t", "directory": str(folder / "door")})
        assert "ok" in next(heard)
        yield str(folder / "door/llm")
    finally:
        ours.close()
        child.kill()
        child.close()


@contextmanager
def client(folder: Path, replies: list[Any]) -> Iterator[openai.OpenAI]:
    with scripted_model(replies) as model:
        with broker(folder, f"http://127.0.0.1:{model.server_address[1]}") as way:
            with socket.create_server(("127.0.0.1", 0)) as listening:
                with program(listening, ORG_BROKER=way) as running:
                    running.until("ready")
                    base = f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
                    with openai.OpenAI(base_url=base, api_key="any", max_retries=0) as made:
                        yield made


def test_whole_answers_tools_and_models(tmp_path: Path) -> None:
    """Text, calls and usage, as from any other server; the models are listed."""
    with client(tmp_path, [say("hi there"), say("", look={"at": "it"})]) as api:
        listed = list(api.models.list())
        assert [one.id for one in listed] == ["scripted", embeddings.NAME]
        assert [api.models.retrieve(one.id) for one in listed] == listed
        assert all(isinstance(one.created, int) for one in listed)
        with pytest.raises(openai.NotFoundError):
            api.models.retrieve("another")
        answer = api.chat.completions.create(model="scripted", messages=ASK)
        assert answer.choices[0].message.content == "hi there"
        assert answer.usage is not None
        assert answer.usage.total_tokens == 120
        called = api.chat.completions.create(model="scripted", messages=ASK, tools=[TOOL])
        (call,) = called.choices[0].message.tool_calls or ()
        assert (call.function.name, json.loads(call.function.arguments)) == ("look", {"at": "it"})  # type: ignore[union-attr]
        assert called.choices[0].finish_reason == "tool_calls"


@pytest.mark.parametrize("asks", [True, False])
def test_streams_end_with_usage_also_after_calls(tmp_path: Path, asks: bool) -> None:
    """In a chunk of its own for those who ask for it, else with the last word: S2."""
    more: Any = {"stream_options": {"include_usage": True}} if asks else {}
    with client(tmp_path, [say("word " * 20), say("", look={"at": "it"})]) as api:
        for tools in ([], [TOOL]):
            found = list(
                api.chat.completions.create(
                    model="scripted", messages=ASK, stream=True, tools=tools or openai.omit, **more
                )
            )
            assert found[-1].usage is not None
            assert found[-1].usage.total_tokens == 120
            assert [chunk for chunk in found[:-1] if chunk.usage] == []
            assert all(chunk.choices for chunk in found) is not asks
            finish = [one.choices[0].finish_reason for one in found if one.choices]
            assert finish[-1] == ("tool_calls" if tools else "stop")


def test_texts_become_vectors_offline(tmp_path: Path) -> None:
    """By the packaged model; what means the same lies close together."""
    with client(tmp_path, []) as api:
        texts = ["a quick brown fox", "a fast dark fox", "the budget of a cycle in tokens"]
        found = api.embeddings.create(model=embeddings.NAME, input=texts)
        one, near, far = (row.embedding for row in found.data)
        assert len(one) == 384
        assert dot(one, near) > dot(one, far) + 0.2
        plain = api.embeddings.create(
            model=embeddings.NAME, input=texts[0], encoding_format="float"
        )
        assert abs(dot(plain.data[0].embedding, one) - 1.0) < 1e-3
        with pytest.raises(openai.NotFoundError, match=embeddings.NAME) as absent:
            api.embeddings.create(model="another", input="x")
        assert absent.value.code == "model_not_found"
        unnamed = api.post("/embeddings", cast_to=dict[str, Any], body={"input": "x"})
        assert unnamed["model"] == embeddings.NAME


def dot(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


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


def test_a_model_is_found_whatever_its_name_holds() -> None:
    """Slashes and colons, as teams and registries have them."""
    names = ["hf.co/someone/some-model:Q4_K_M", "@cf/meta/llama", "team/review"]

    def play(broker: Answering) -> None:
        broker.head(200, "application/json")
        broker.piece(json.dumps({"data": [{"id": name} for name in names]}).encode())
        broker.piece(b"")

    with house() as here, scripted_broker(here.world.layout.run / "b", play) as way:
        with served(here, ORG_BROKER=way.path) as (_, url):
            with openai.OpenAI(base_url=f"{url}/v1", api_key="any", max_retries=0) as api:
                assert [api.models.retrieve(name).id for name in names] == names


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


def test_errors_are_openais(tmp_path: Path) -> None:
    """Each status becomes the client's own exception, with the broker's sentence."""
    with client(tmp_path, []) as api:
        with pytest.raises(openai.BadRequestError, match="messages"):
            api.chat.completions.create(model="scripted", messages=[])
        for stream in (True, False):
            with pytest.raises(openai.NotFoundError, match="not on offer") as absent:
                api.chat.completions.create(model="another", messages=ASK, stream=stream)
            assert absent.value.code == "model_not_found"
        with pytest.raises(openai.APIStatusError) as refused:
            api.chat.completions.create(model="scripted", messages=ASK)
        assert refused.value.status_code >= 500


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


def test_leaving_a_stream_frees_the_model(tmp_path: Path) -> None:
    """close() at the client is heard at the broker."""

    def play(asked: Answering) -> None:
        asked.head()
        asked.delta("word")
        asked.until_gone()

    with scripted_broker(tmp_path / "b", play) as way:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            with program(listening, ORG_BROKER=way.path) as running:
                running.until("ready")
                base = f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
                with openai.OpenAI(base_url=base, api_key="any") as api:
                    stream = api.chat.completions.create(model="m", messages=ASK, stream=True)
                    assert next(stream).choices[0].delta.content == "word"
                    stream.close()
                    assert way.gone.wait(SECONDS)


@pytest.mark.parametrize("size", [1, 2, 7, 64, 10_000])
def test_usage_is_joined_however_the_stream_is_cut(size: int) -> None:
    """One machine, whatever pieces arrive; nothing is lost."""
    import asyncio

    end = b'{"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}'
    word = b'{"choices": [{"index": 0, "delta": {"content": "w"}, "finish_reason": null}]}'
    usage = b'{"choices": [], "usage": {"total_tokens": 3}}'
    raw = b"".join(b"data: " + one + b"\n\n" for one in (word, word, end, usage, b"[DONE]"))

    async def run() -> bytes:
        async def pieces() -> Any:
            for at in range(0, len(raw), size):
                yield raw[at : at + size]

        return b"".join([piece async for piece in one_usage(pieces())])

    rows = [row.removeprefix(b"data: ") for row in asyncio.run(run()).split(b"\n\n") if row]
    assert rows[:2] == [word, word]
    assert json.loads(rows[2])["usage"] == {"total_tokens": 3}
    assert rows[3:] == [b"[DONE]"]
