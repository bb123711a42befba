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
from ops.processes import spawn
from ops.sockets import read_lines, send_line
from tests.model_server import say, scripted_model
from tests.orchestrator.house import house, served
from tests.orchestrator.program import ASK, ROOT, SECONDS, program
from tests.orchestrator.scripted_broker import Answering, scripted_broker

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
