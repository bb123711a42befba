"""The broker as a process: doors, metering, budgets, faults of the model, keys that stay inside."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from daemon.agent.messages import Message
from daemon.agent.providers.openai import IDLE_MARGIN_SECONDS, OpenAI, over_socket
from tests.broker.conversations import CONVERSATIONS
from tests.broker.running import KEY, Admin, running_broker
from tests.broker.wires import wire_server
from tests.model_server import say, scripted_model, slowly

pytestmark = pytest.mark.process

IDLE_SECONDS = 1.0
ASK = {"model": "scripted", "messages": [{"role": "user", "content": "hello"}]}


class Broker:
    """The process, asked as the supervisor and as a cell would."""

    def __init__(self, admin: Admin, folder: Path) -> None:
        self.do = admin.do
        self.folder = folder

    def opened(self, **limits: Any) -> str:
        """The path of the socket that a cell is given."""
        self.folder.mkdir(exist_ok=True)
        opened = self.do("open", cell="c", directory=str(self.folder), **limits)
        return str(opened["ok"]["socket"])

    @contextmanager
    def door(self, **limits: Any) -> Iterator[httpx.Client]:
        way = httpx.HTTPTransport(uds=self.opened(**limits))
        with httpx.Client(transport=way, base_url="http://broker", timeout=10) as client:
            yield client


@contextmanager
def broker(home: Path, base: str, **environment: str) -> Iterator[Broker]:
    settings = f'[model]\nbase = "{base}"\nidle_seconds = {IDLE_SECONDS}\nconnect_seconds = 1.0\n'
    with running_broker(home, settings, **environment) as admin:
        yield Broker(admin, home / "door")


def base_of(server: Any) -> str:
    return f"http://127.0.0.1:{server.server_address[1]}"


def content(stream: httpx.Response) -> str:
    text = ""
    for line in stream.iter_lines():
        if line.startswith("data: {"):
            for choice in json.loads(line[6:]).get("choices", ()):
                text += choice["delta"].get("content") or ""
    return text


def test_a_reply_streams_through_and_is_metered(tmp_path: Path) -> None:
    """Piece by piece, with usage counted for the cell; without `stream` it comes as one."""
    with scripted_model([say("hello " * 20), say("whole")]) as model:
        with broker(tmp_path, base_of(model)) as running, running.door() as cell:
            with cell.stream("POST", "/v1/chat/completions", json=ASK | {"stream": True}) as answer:
                assert content(answer) == "hello " * 20
            whole = cell.post("/v1/chat/completions", json=ASK).json()
            assert whole["choices"][0]["message"]["content"] == "whole"
            assert whole["usage"]["total_tokens"] == 120
            usage = running.do("usage", cell="c")["ok"]
            assert (usage["requests"], usage["total_tokens"], usage["estimated"]) == (2, 240, False)
        assert model.asked[0]["stream_options"] == {"include_usage": True}


def test_half_a_character_is_no_reason_to_fail(tmp_path: Path) -> None:
    """JSON may hold one, UTF-8 may not: the model hears the sign for what is unreadable."""
    with scripted_model([say("hi")]) as model:
        with broker(tmp_path, base_of(model)) as running, running.door() as cell:
            body = json.dumps(ASK | {"messages": [{"role": "user", "content": "a\ud83d"}]})
            assert cell.post("/v1/chat/completions", content=body).status_code == 200
        assert model.asked[0]["messages"][0]["content"] == "a\ufffd"


def test_only_two_routes_are_open(tmp_path: Path) -> None:
    """A model server can pull, push and fetch; none of it is reachable from a cell."""
    with scripted_model([]) as model, broker(tmp_path, base_of(model)) as running:
        with running.door() as cell:
            assert cell.get("/v1/models").json()["data"][0]["id"] == "scripted"
            for method, path in (
                ("POST", "/api/pull"),
                ("DELETE", "/api/delete"),
                ("POST", "/api/experimental/web_fetch"),
                ("GET", "/v1/files"),
                ("POST", "/v1/models"),
            ):
                assert cell.request(method, path).status_code in (403, 405), path
        assert model.asked == []


def test_the_key_is_used_and_never_shown(tmp_path: Path) -> None:
    """The cell's own headers go nowhere; the key goes upstream, and into no answer."""
    with scripted_model([say("hi")]) as model:
        with broker(tmp_path, base_of(model), OPENAI_API_KEY=KEY) as running:
            with running.door() as cell:
                smuggled = {"authorization": "Bearer mine", "x-evil": "1"}
                answer = cell.post("/v1/chat/completions", json=ASK, headers=smuggled)
                assert KEY not in answer.text + str(answer.headers)
        seen = {name.lower(): value for name, value in model.headers[0].items()}
        assert seen["authorization"] == f"Bearer {KEY}"
        assert "x-evil" not in seen


def test_a_key_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    """The broker does not start with it."""
    (tmp_path / "state").mkdir()
    (tmp_path / "state/keys.toml").write_text(f'OPENAI_API_KEY = "{KEY}"\n')
    (tmp_path / "state/keys.toml").chmod(0o644)
    with pytest.raises((AssertionError, StopIteration)), broker(tmp_path, "http://127.0.0.1:9"):
        pass
    assert "can be read by others" in (tmp_path / "log").read_text()


def test_a_spent_budget_stops_the_next_call(tmp_path: Path) -> None:
    """The overshoot is one call; the refusal says why in OpenAI's shape."""
    with scripted_model([say("one"), say("two")]) as model:
        with broker(tmp_path, base_of(model)) as running, running.door(tokens_max=100) as cell:
            assert cell.post("/v1/chat/completions", json=ASK).status_code == 200
            second = cell.post("/v1/chat/completions", json=ASK)
            assert (second.status_code, second.json()["error"]["code"]) == (429, "budget_exhausted")
        assert len(model.asked) == 1


def test_a_cell_asks_no_other_model_than_its_own(tmp_path: Path) -> None:
    """Also not a provider by its name, whose price may be another."""
    with scripted_model([say("one")]) as model:
        settings = f'[model]\nbase = "{base_of(model)}"\n[providers.big]\nbase = "http://[::1]:9"\n'
        with running_broker(tmp_path, settings) as admin:
            running = Broker(admin, tmp_path / "door")
            with running.door(only=["scripted"]) as cell:
                refused = cell.post("/v1/chat/completions", json=ASK | {"model": "big/x"})
                assert refused.status_code == 403
                assert refused.json()["error"]["message"] == "'big/x' is not for this cell"
                assert cell.post("/v1/chat/completions", json=ASK).status_code == 200


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (b"this is no stream at all\n", "model_rubbish"),
        (b"data: {broken\n\n", "model_rubbish"),
        (b'data: {"choices": []}\n\n', "model_cut"),
        (b'data: {"error": {"message": "out of memory"}}\n\n', "model_failed"),
    ],
)
def test_a_model_that_talks_rubbish_is_told_by_kind(
    tmp_path: Path, reply: bytes, code: str
) -> None:
    """Whatever it sent, the cell hears one of the known codes."""
    with scripted_model([reply]) as model, broker(tmp_path, base_of(model)) as running:
        with running.door() as cell:
            answer = cell.post("/v1/chat/completions", json=ASK)
            assert answer.status_code == 502
            assert answer.json()["error"]["code"] == code


def test_a_dead_endpoint_is_told_at_once(tmp_path: Path) -> None:
    """To the cell, and to who probes."""
    with broker(tmp_path, "http://127.0.0.1:9") as running, running.door() as cell:
        answer = cell.post("/v1/chat/completions", json=ASK)
        assert answer.json()["error"]["code"] == "model_unreachable"
        probed = running.do("probe")["ok"]
        assert probed["answers"] is False
        assert "127.0.0.1:9" in probed["detail"]


def test_a_silent_endpoint_is_given_up(tmp_path: Path) -> None:
    """It accepts and says nothing: the idle limit ends the wait."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        base = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with broker(tmp_path, base) as running, running.door() as cell:
            began = time.monotonic()
            answer = cell.post("/v1/chat/completions", json=ASK)
            assert answer.json()["error"]["code"] == "model_timeout"
            assert time.monotonic() - began < 8


def test_a_slow_stream_is_heard_to_its_end(tmp_path: Path) -> None:
    """It takes longer than the idle limits of broker and agent, and is never silent that long."""
    text = "a word " * 12  # four pieces, and two chunks more
    with scripted_model([slowly(0.25, say(text))]) as model:
        with broker(tmp_path, base_of(model)) as running:
            with over_socket(running.opened(), IDLE_SECONDS - IDLE_MARGIN_SECONDS) as cell:
                began = time.monotonic()
                reply = OpenAI(cell, "scripted").reply([Message(role="user", content="hi")], [])
                assert time.monotonic() - began > IDLE_SECONDS
        assert (reply.content, len(model.asked)) == (text, 1)


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"messages": 3}', b'{"messages": [1]}', b"\xff"])
def test_a_bad_request_costs_nothing(tmp_path: Path, body: bytes) -> None:
    """400, and the model was never asked."""
    with scripted_model([]) as model, broker(tmp_path, base_of(model)) as running:
        with running.door() as cell:
            assert cell.post("/v1/chat/completions", content=body).status_code == 400
        assert model.asked == []


def test_what_is_kept_of_recent_exchanges_holds_no_secret_of_this_machine(tmp_path: Path) -> None:
    """Whatever it looks like: it is known by its value."""
    recent = tmp_path / "recent.jsonl"
    asked = {"model": "scripted", "messages": [{"role": "user", "content": "is it plain-words?"}]}
    with scripted_model([say("plain-words it is")]) as model:
        with (
            broker(tmp_path, base_of(model), SOME_SECRET="plain-words") as running,
            running.door(recent=str(recent)) as cell,
        ):
            assert cell.post("/v1/chat/completions", json=asked).status_code == 200
    assert "plain-words" not in recent.read_text()
    assert "is it [secret]?" in recent.read_text()


def test_a_session_is_recorded_and_replayed_without_a_model(tmp_path: Path) -> None:
    """The same door, the same protocol; what does not fit is refused with 409."""
    session = tmp_path / "session.jsonl"
    with scripted_model([say("recorded words")]) as model:
        with broker(tmp_path, base_of(model)) as running, running.door(record=str(session)) as cell:
            first = cell.post("/v1/chat/completions", json=ASK).json()
    with broker(tmp_path, "http://127.0.0.1:9") as running:
        with running.door(replay=str(session)) as cell:
            again = cell.post("/v1/chat/completions", json=ASK).json()
            assert again["choices"] == first["choices"]
            other = cell.post("/v1/chat/completions", json=ASK)
            assert (other.status_code, other.json()["error"]["code"]) == (409, "recording_unfit")
        assert "ends after 1" in running.do("close", cell="c")["ok"]["unfit"]


def test_the_endpoint_of_a_models_name_is_probed(tmp_path: Path) -> None:
    """An author's own provider may answer while the main endpoint is dead, and the other way."""
    with scripted_model([]) as model:
        settings = f"""[model]
base = "http://127.0.0.1:9"
[providers.near]
base = "{base_of(model)}"
"""
        with running_broker(tmp_path, settings) as admin:
            assert admin.do("probe")["ok"]["answers"] is False
            assert admin.do("probe", model="scripted")["ok"]["answers"] is False
            assert admin.do("probe", model="near/scripted")["ok"]["answers"] is True


def test_a_named_provider_is_asked_by_its_name(tmp_path: Path) -> None:
    """`NAME/MODEL` goes there and nowhere else; NAME alone takes the model of its setting."""
    with scripted_model([say("main")]) as model, wire_server("anthropic") as other:
        other.answer = CONVERSATIONS["text"]
        settings = f'''[model]
base = "{base_of(model)}"
name = "scripted"
[providers.claude]
provider = "anthropic"
base = "{other.base}"
name = "m"
'''
        with running_broker(tmp_path, settings) as admin:
            with Broker(admin, tmp_path / "door").door() as cell:
                listed = [one["id"] for one in cell.get("/v1/models").json()["data"]]
                assert listed == ["scripted", "claude/m"]
                for name in ("claude/m", "claude", "claude/none"):
                    whole = cell.post("/v1/chat/completions", json={**ASK, "model": name}).json()
                    assert whole["choices"][0]["message"]["content"] == "Hello there", name
                whole = cell.post("/v1/chat/completions", json={**ASK, "model": "openai/x"}).json()
                assert whole["choices"][0]["message"]["content"] == "main"
    assert {asked["model"] for _, _, asked in other.asked} == {"m"}


def test_what_no_server_counted_is_estimated(tmp_path: Path) -> None:
    """The last chunk says how much, and that nobody counted; the cell's account says so too."""
    with wire_server("openai") as server:
        server.answer = CONVERSATIONS["uncounted"]
        with broker(tmp_path, server.base) as running, running.door() as cell:
            usage = cell.post("/v1/chat/completions", json={**ASK, "model": "m"}).json()["usage"]
            assert usage["estimated"] is True
            assert usage["completion_tokens"] == len("Hello there, my friend") // 4
            assert running.do("usage", cell="c")["ok"]["estimated"] is True
