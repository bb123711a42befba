"""Model calls as spans, by OpenTelemetry's names for generative AI, where an endpoint is set.

Names, numbers and times leave, never what was asked or answered. The calls of one door are
one trace, under a span as long as its cell; a door that lasts has a trace for each call.
The names are of the semantic conventions' development version that the lock pins.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from daemon.broker.metering import Call
from daemon.state.settings import Model

if TYPE_CHECKING:  # both are slow to import, and seldom wanted
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span, Tracer

SERVICE = "org"
EXPORT_SECONDS = 5.0
DELAY_MS = 1000.0  # until a span that ended is on its way
CHARS_MAX = 100  # of anything that a server says
OTHER = "other"  # a model that nobody offers: its name is whatever a cell wrote
Attributes = dict[str, str | int | float]


@dataclass
class Traces:
    """Where the spans of all doors go; what cannot be delivered is dropped, and logged."""

    provider: TracerProvider

    @classmethod
    def open(cls, endpoint: str) -> Traces | None:
        """To an OTLP endpoint over HTTP, such as http://127.0.0.1:4318/v1/traces; None without."""
        if not endpoint:
            return None
        import requests
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        session = requests.Session()
        session.trust_env = False  # no proxy of the environment hears of it
        exporter = OTLPSpanExporter(endpoint, timeout=EXPORT_SECONDS, session=session)
        provider = TracerProvider(resource=Resource({"service.name": SERVICE}))
        provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=DELAY_MS))
        return cls(provider)

    def of(self, cell: str, lasting: bool) -> Trace:
        """The trace of one door."""
        tracer = self.provider.get_tracer("org.broker")
        trace = Trace(cell, tracer)
        if not lasting:
            known: Attributes = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": cell}
            trace.root = tracer.start_span(f"invoke_agent {cell}", attributes=known)
        return trace

    def close(self) -> None:
        """Deliver what is left."""
        self.provider.shutdown()


@dataclass
class Trace:
    """Of one door; `root` spans all its calls."""

    cell: str
    tracer: Tracer
    root: Span | None = None

    def call(self, model: Model, body: Mapping[str, Any]) -> Asked:
        """Begin a span for one completion."""
        from opentelemetry.trace import SpanKind, set_span_in_context

        address = urlsplit(model.base)
        known: Attributes = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": model.provider,
            "gen_ai.agent.name": self.cell,
            "server.address": address.hostname or "",
        }
        if address.port:
            known["server.port"] = address.port
        for name in ("temperature", "top_p", "max_tokens", "seed"):
            value = body.get(name)
            if isinstance(value, int | float):
                known[f"gen_ai.request.{name}"] = value
        under = set_span_in_context(self.root) if self.root is not None else None
        return Asked(self.tracer.start_span("chat", under, SpanKind.CLIENT, attributes=known))

    def close(self) -> None:
        if self.root is not None:
            self.root.end()


@dataclass
class Asked:
    """One completion's span, until it ends."""

    span: Span
    began: float = field(default_factory=monotonic)
    heard: bool = False

    def saw(self, chunk: Mapping[str, Any]) -> None:
        """The first chunk tells how long it took; the last one why it ended."""
        if not self.heard:
            self.heard = True
            waited = monotonic() - self.began
            self.span.set_attribute("gen_ai.response.time_to_first_chunk", waited)
            for key in ("id", "model"):
                if isinstance(said := chunk.get(key), str) and said:
                    self.span.set_attribute(f"gen_ai.response.{key}", _short(said))
        for choice in chunk.get("choices") or ():
            if reason := choice.get("finish_reason"):
                self.span.set_attribute("gen_ai.response.finish_reasons", [_short(str(reason))])

    def end(self, call: Call, model: str) -> None:
        """With what it cost; `model` is one that is on offer, not whatever was asked for."""
        from opentelemetry.trace import Status, StatusCode

        asked, said = call.cost()
        self.span.update_name(f"chat {model}")
        self.span.set_attribute("gen_ai.request.model", model)
        self.span.set_attribute("gen_ai.usage.input_tokens", asked)
        self.span.set_attribute("gen_ai.usage.output_tokens", said)
        if call.fault is not None:
            self.span.set_attribute("error.type", call.fault.code)
            self.span.set_status(Status(StatusCode.ERROR, call.fault.code))
        self.span.end()


def _short(said: str) -> str:
    return said[:CHARS_MAX].encode("utf-8", "replace").decode()
