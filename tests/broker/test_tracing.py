"""Model calls as spans at a real receiver of OpenTelemetry's protocol."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import HTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.broker.running import Admin, running_broker
from tests.model_server import say, scripted_model
from tests.serving import Handler, serving

pytestmark = pytest.mark.process

SECRET = "the plans of the fleet"


class Receiver(HTTPServer):
    """Keeps the spans that arrive, and the bytes that they came in."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Take)
        self.spans: list[Any] = []
        self.raw = b""

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1/traces"

    def named(self, name: str) -> dict[str, Any]:
        """The attributes of the one span of that name."""
        (span,) = (one for one in self.spans if one.name == name)
        return {
            one.key: getattr(one.value, str(one.value.WhichOneof("value")))
            for one in span.attributes
        }


class _Take(Handler):
    server: Receiver

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["content-length"]))
        self.server.raw += raw
        for resource in ExportTraceServiceRequest.FromString(raw).resource_spans:
            for scope in resource.scope_spans:
                self.server.spans += scope.spans
        self.send(200, b"", "application/x-protobuf")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    with serving(server):
        yield server


def asks(admin: Admin, folder: Path, cell: str, asked: str = "scripted", **opened: Any) -> int:
    """The status of one call through a door that is closed again."""
    folder.mkdir(exist_ok=True)
    door = admin.do("open", cell=cell, directory=str(folder), **opened)["ok"]["socket"]
    way = httpx.HTTPTransport(uds=door)
    with httpx.Client(transport=way, base_url="http://broker", timeout=10) as client:
        body = {"model": asked, "messages": [{"role": "user", "content": SECRET}]}
        status = client.post("/v1/chat/completions", json={**body, "seed": 7}).status_code
    admin.do("close", cell=cell)
    return status


def test_calls_of_a_cell_are_one_trace_without_their_text(
    receiver: Receiver, tmp_path: Path
) -> None:
    """Who asked which model, how long, how much; nothing of what was said."""
    with scripted_model([say("an answer nobody else may read")]) as model:
        settings = f'[model]\nbase = "http://127.0.0.1:{model.server_address[1]}"\n'
        settings += f'[traces]\nendpoint = "{receiver.endpoint}"\n'
        with running_broker(tmp_path / "home", settings) as admin:
            assert asks(admin, tmp_path / "door", "cand/1") == 200
            assert asks(admin, tmp_path / "door", "poor", tokens_max=0) == 429
            assert asks(admin, tmp_path / "door", "sly", asked=SECRET * 1000) == 403
    chat, agent = receiver.named("chat scripted"), receiver.named("invoke_agent cand/1")
    assert chat["gen_ai.operation.name"] == "chat"
    assert chat["gen_ai.agent.name"] == agent["gen_ai.agent.name"] == "cand/1"
    assert chat["gen_ai.usage.input_tokens"] > 0 and chat["gen_ai.usage.output_tokens"] > 0
    assert chat["gen_ai.request.seed"] == 7
    assert chat["gen_ai.response.time_to_first_chunk"] > 0
    (root,) = (one for one in receiver.spans if one.name == "invoke_agent cand/1")
    (call,) = (one for one in receiver.spans if one.name == "chat scripted")
    assert (call.trace_id, call.parent_span_id) == (root.trace_id, root.span_id)
    assert receiver.named("chat other")["error.type"] == "model_not_offered"
    assert SECRET.encode() not in receiver.raw and b"an answer" not in receiver.raw


def test_a_failed_call_says_why(receiver: Receiver, tmp_path: Path) -> None:
    """By the fault's code, in a trace of its own where the door lasts."""
    settings = '[model]\nbase = "http://127.0.0.1:9"\nname = "scripted"\n'
    settings += f'[traces]\nendpoint = "{receiver.endpoint}"\n'
    with running_broker(tmp_path / "home", settings) as admin:
        assert asks(admin, tmp_path / "door", "current", lasting=True) == 503
    assert receiver.named("chat scripted")["error.type"] == "model_unreachable"
    assert [one.name for one in receiver.spans] == ["chat scripted"]


def test_a_dead_receiver_harms_no_call(tmp_path: Path) -> None:
    """The spans are lost, and told of in the broker's log; the reply is not."""
    with scripted_model([say("here")]) as model:
        settings = f'[model]\nbase = "http://127.0.0.1:{model.server_address[1]}"\n'
        settings += '[traces]\nendpoint = "http://127.0.0.1:9/v1/traces"\n'
        with running_broker(tmp_path / "home", settings) as admin:
            assert asks(admin, tmp_path / "door", "c") == 200
