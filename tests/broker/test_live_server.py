"""A live llama.cpp server with a packaged coder model: protocol, calls in text, counts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from daemon.agent.messages import Message
from daemon.agent.offer import SMALL_TOKENS_MAX, TOKENS_MAX, declared, small_form
from daemon.agent.providers.openai import OpenAI, over_socket
from daemon.agent.reading import read
from daemon.agent.tools import TOOLS
from tests.broker.conversations import ADD, CONVERSATIONS, WEATHER
from tests.broker.running import running_broker
from tests.broker.test_conformance import messages_of

pytestmark = [pytest.mark.process, pytest.mark.model]
TRIES_MAX = 3  # a small model does not call every time

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 900.0
# What a model answers is its own affair; these ask for text, with all that a question may hold.
ASKED = [
    name
    for name in CONVERSATIONS
    if name not in ("image", "empty", "cut_by_length", "many_pieces", "uncounted")
]


def boot(*arguments: str) -> str:
    argv = [sys.executable, "-I", str(ROOT / "ops/boot.py"), *arguments]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=START_SECONDS, check=True)
    return done.stdout


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    record = tmp_path_factory.mktemp("model") / "model.json"
    boot("ops.local_model", "start", str(record))
    try:
        yield str(json.loads(record.read_text())["base"])
    finally:
        boot("ops.local_model", "stop", str(record))


@pytest.fixture(scope="module", params=["llama-server"])
def model(
    request: pytest.FixtureRequest, base: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OpenAI]:
    """Asked as an agent asks: through the broker's socket."""
    home = tmp_path_factory.mktemp("home")
    settings = f'[model]\nprovider = "{request.param}"\nbase = "{base}"\n'
    with running_broker(home, settings) as broker:
        path = broker.do("open", cell="c", directory=str(home))["ok"]["socket"]
        with over_socket(path) as client:
            names = client.get("/v1/models").json()["data"]
            yield OpenAI(client, names[0]["id"])


@pytest.mark.parametrize("name", ASKED)
def test_conversations_run_over_a_live_server(model: OpenAI, name: str) -> None:
    """Whatever it answers: whole, ended for a reason, and counted by the server."""
    told = CONVERSATIONS[name]
    short = [*messages_of(told)]
    short[-1] = short[-1].model_copy(update={"content": short[-1].content + " Be very short."})
    reply = model.reply(short, told.tools)
    assert reply.finish in ("stop", "tool_calls", "length")
    assert reply.content or reply.calls
    assert reply.usage.prompt_tokens > 0
    assert reply.usage.completion_tokens > 0
    assert not reply.usage.estimated


def test_its_calls_are_found_where_it_writes_them(model: OpenAI) -> None:
    """This model answers with fenced JSON in the text, not with declared calls, if it calls."""
    asked = [Message(role="user", content="What is the weather in Oslo? Call the tool.")]
    replies = (model.reply(asked, [WEATHER, ADD]) for _ in range(TRIES_MAX))
    calls = [call for reply in replies for call in read(reply, [WEATHER, ADD], loose=False).calls]
    assert calls, "it never called"
    call = calls[0]
    assert call.name == "weather"
    value: Any = call.value()
    assert "oslo" in str(value["city"]).lower()


def test_a_conversation_too_long_is_told_by_kind(model: OpenAI) -> None:
    """So that the loop can shorten it."""
    from daemon.agent.providers import ModelFault

    with pytest.raises(ModelFault) as caught:
        model.reply([Message(role="user", content="word " * 30_000)], [])
    assert caught.value.code == "context_length_exceeded"


def test_telling_of_the_tools_keeps_to_the_budget(base: str) -> None:
    """Counted by the model's own tokenizer."""

    def counted(text: str) -> int:
        return len(httpx.post(f"{base}/tokenize", json={"content": text}).json()["tokens"])

    schemas = declared(TOOLS)
    assert len(schemas) == len(TOOLS)
    assert counted(json.dumps(schemas)) <= TOKENS_MAX
    assert counted(small_form(TOOLS)) <= SMALL_TOKENS_MAX


def test_orgctl_tries_it(base: str, tmp_path: Path) -> None:
    """Speed, streaming, tools in the text, the context it was started with."""
    argv = [sys.executable, "-I", str(ROOT / "ops/boot.py"), "ops.orgctl", "--home", str(tmp_path)]
    asked = ["provider", "test", "llama-server", "--base-url", base, "--json"]
    environment = {"PATH": os.environ["PATH"]}
    done = subprocess.run(
        [*argv, *asked], capture_output=True, text=True, env=environment, check=False
    )
    found = json.loads(done.stdout)
    print(found)
    assert (done.returncode, found["ok"]) == (0, True)
    assert found["streaming"]
    assert found["tools"] in ("embedded", "declared")
    assert found["tokens_per_s"] > 0
    assert found["context_tokens"] == 8192
