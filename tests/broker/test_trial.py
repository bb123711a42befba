"""`orgctl provider` and `orgctl models`: what they say of providers that do and that do not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from daemon.agent.messages import Message
from daemon.agent.providers.openai import OpenAI, over_socket
from tests.broker.conversations import CONVERSATIONS, Conversation, Told
from tests.broker.running import running_broker
from tests.broker.wires import STREAMS, wire_server

pytestmark = pytest.mark.process

CONTEXTS = {"lmstudio": 4096, "llama-server": 8192, "ollama": 2048}
ROOT = Path(__file__).resolve().parents[2]
SPOKEN = CONVERSATIONS["many_pieces"]
DECLARED = Conversation(
    [], calls=(Told("weather", ('{"city": "Oslo"}',), "c"),), finish="tool_calls"
)
WRITTEN = Conversation([], ('```json\n{"name": "weather", ', '"arguments": {"city": "Oslo"}}\n```'))


def orgctl(home: Path, *arguments: str) -> tuple[int, Any]:
    argv = [sys.executable, "-I", str(ROOT / "ops/boot.py"), "ops.orgctl", "--home", str(home)]
    environment = {"PATH": os.environ["PATH"]}
    done = subprocess.run(
        [*argv, *arguments, "--json"], capture_output=True, text=True, env=environment, check=False
    )
    return done.returncode, json.loads(done.stdout)


@pytest.mark.parametrize("provider", STREAMS)
@pytest.mark.parametrize(("called", "tools"), [(DECLARED, "declared"), (WRITTEN, "embedded")])
def test_a_provider_is_tried(
    tmp_path: Path, provider: str, called: Conversation, tools: str
) -> None:
    """Its speed, whether it streams, how it calls tools."""
    with wire_server(provider) as server:
        server.answers = [SPOKEN, called]
        code, found = orgctl(tmp_path, "provider", "test", provider, "--base-url", server.base)
    assert (code, found["ok"], found["model"], found["tools"]) == (0, True, "m", tools)
    assert found["streaming"] is True
    assert found["usage"] == "counted"
    assert found["first_token_ms"] > 0
    assert found["tokens_per_s"] > 0
    assert found["context_tokens"] == CONTEXTS.get(provider)


@pytest.mark.parametrize(
    ("answer", "tools"),
    [
        (WRITTEN, "embedded"),
        (Conversation([], ("I cannot look it up.",)), "none"),
        ((400, {}, b'{"error": "bad"}'), "refused"),
    ],
)
def test_a_model_that_takes_no_tools_is_told_of_them_in_words(
    tmp_path: Path, answer: Any, tools: str
) -> None:
    """It does all the same: so do agents with it."""
    refusal: Any = (400, {}, b'{"error": "registry.ollama.ai/gemma2:9b does not support tools"}')
    with wire_server("ollama") as server:
        server.answers = [SPOKEN, refusal, answer]
        code, found = orgctl(tmp_path, "provider", "test", "ollama", "--base-url", server.base)
    assert (code, found["ok"], found["tools"]) == (0, True, tools)
    *_, declared, in_words = [body for path, _, body in server.asked if path == "/api/chat"]
    assert ("tools" in declared, "tools" in in_words) == (True, False)
    assert "weather(city)" in in_words["messages"][0]["content"]


@pytest.mark.parametrize("odd", ["\0", "\ud83d", "\ud83d\ude00"])
def test_a_reply_that_no_argument_can_hold_is_read(tmp_path: Path, odd: str) -> None:
    """Zero bytes and halves of characters are dropped; what stands around them counts."""
    line = json.dumps({"message": {"content": odd + WRITTEN.text[0] + WRITTEN.text[1]}})
    done = json.dumps({"message": {"content": ""}, "done": True, "done_reason": "stop"})
    with wire_server("ollama") as server:
        server.answers = [SPOKEN, [f"{line}\n{done}\n".encode()]]
        code, found = orgctl(tmp_path, "provider", "test", "ollama", "--base-url", server.base)
    assert (code, found["ok"], found["tools"]) == (0, True, "embedded")


@pytest.mark.parametrize("provider", STREAMS)
def test_who_opens_a_door_for_a_model_is_told_its_context(tmp_path: Path, provider: str) -> None:
    """As the server says, or 0; by the setting where there is one. A replay asks nobody."""
    with wire_server(provider) as server:
        settings = f'[model]\nprovider = "{provider}"\nbase = "{server.base}"\n'
        with running_broker(tmp_path, settings) as admin:
            opened = admin.do("open", cell="c", directory=str(tmp_path), model="m")["ok"]
            assert opened["context_tokens"] == CONTEXTS.get(provider, 0)
            (tmp_path / "org.toml").write_text(settings + "context_tokens = 1024\n")
            admin.do("reload")
            opened = admin.do("open", cell="c", directory=str(tmp_path), model="m")["ok"]
            assert opened["context_tokens"] == 1024


@pytest.mark.parametrize(
    ("loaded", "set_to", "tokens"), [(2048, 0, 2048), (0, 0, 16_384), (0, 40_000, 40_000)]
)
def test_ollama_is_asked_for_the_context_that_was_told(
    tmp_path: Path, loaded: int, set_to: int, tokens: int
) -> None:
    """Else it would cut what is too long, unseen; also where a door was opened for no model."""
    with wire_server("ollama") as server:
        server.loaded_tokens, server.answer = loaded, SPOKEN
        settings = f'[model]\nprovider = "ollama"\nbase = "{server.base}"\n'
        with running_broker(tmp_path, f"{settings}context_tokens = {set_to}\n") as admin:
            opened = admin.do("open", cell="c", directory=str(tmp_path))["ok"]
            with over_socket(opened["socket"], 10) as client:
                OpenAI(client, "m").reply([Message(role="user", content="x")], [])
            named = admin.do("open", cell="d", directory=str(tmp_path), model="m")["ok"]
    (asked,) = [body for path, _, body in server.asked if path == "/api/chat"]
    assert (asked["options"]["num_ctx"], named["context_tokens"]) == (tokens, tokens)


def test_one_that_does_not_answer_is_told(tmp_path: Path) -> None:
    """Exit 1, and why; an unknown name is exit 4."""
    code, found = orgctl(tmp_path, "provider", "test", "openai", "--base-url", "http://127.0.0.1:9")
    assert (code, found["ok"], found["error_code"]) == (1, False, "model_unreachable")
    assert orgctl(tmp_path, "provider", "test", "nobody")[0] == 4


def test_providers_and_their_models_are_listed(tmp_path: Path) -> None:
    """Configured ones first; one that is down is a problem, and hides no other."""
    with wire_server("anthropic") as server:
        (tmp_path / "org.toml").write_text(
            f'[model]\nbase = "http://127.0.0.1:9"\n[providers.claude]\nprovider = "anthropic"\n'
            f'base = "{server.base}"\n'
        )
        _, found = orgctl(tmp_path, "provider", "list")
        names = [one["name"] for one in found["providers"] if one["configured"]]
        assert names == ["default", "claude"]
        code, models = orgctl(tmp_path, "models", "list")
    assert code == 0
    assert models["models"] == [{"id": "claude/m", "provider": "claude"}]
    assert "default: " in models["problems"][0]
