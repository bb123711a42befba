"""One completion through a door: from a model or a recording, metered and perhaps recorded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from daemon.broker.faults import Fault
from daemon.broker.metering import Call, Meter
from daemon.broker.recent import Recent
from daemon.broker.recordings import Recorder, Replay, Unfit
from daemon.broker.refusals import TOOLS
from daemon.broker.tracing import OTHER, Asked, Trace
from daemon.broker.upstreams import Upstreams
from daemon.state.prices import RECORDED

CALLS_MAX = 64  # one cell's calls at a time; more wait, so that none starves the others
# What a cell may say to a model; anything else is dropped, never passed on.
PASSED = frozenset(
    [
        "model",
        "messages",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "temperature",
        "top_p",
        "max_tokens",
        "seed",
        "stop",
        "max_completion_tokens",
        "response_format",
        "frequency_penalty",
        "presence_penalty",
        "logit_bias",
        "reasoning_effort",
    ]
)
Chunks = AsyncGenerator[dict[str, Any], None]


@dataclass
class Source:
    """Where a door's answers come from."""

    upstream: Upstreams
    replay: Replay | None = None
    recorder: Recorder | Recent | None = None
    meter: Meter = field(default_factory=Meter)
    models: frozenset[str] = frozenset()  # that the door was opened for, beside the setting's
    only: frozenset[str] = frozenset()  # full names of all that may be asked; none: any on offer
    trace: Trace | None = None
    slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(CALLS_MAX))

    async def stream(self, body: Mapping[str, Any], size: int) -> Chunks:
        """The chunks of one reply, accounted for when it is over, however it ends.

        `size` is the request's in bytes. Raises Fault, also half-way.
        """
        async with self.slots:  # what waits for its turn reserves nothing yet
            model = RECORDED if self.replay else self._permitted(body.get("model"))
            call = self.meter.begin(model, size, tokens_wanted(body))
            async with aclosing(self._metered(call, body)) as chunks:
                async for chunk in chunks:
                    yield chunk

    def _permitted(self, asked: object) -> str:
        """The full name of the model that answers. Raises Fault for one the door is not for."""
        name = self.upstream.called(asked, self.models)
        if self.only and name not in self.only:
            raise Fault("model_not_offered", f"{name!r} is not for this cell", 403)
        return name

    async def _metered(self, call: Call, body: Mapping[str, Any]) -> Chunks:
        kept: list[dict[str, Any]] = []
        span: Asked | None = None
        try:
            span = self._span(body)
            async with aclosing(self._chunks(body)) as chunks:
                async for chunk in chunks:
                    self.meter.saw(call, chunk)
                    if span is not None:
                        span.saw(chunk)
                    if self.recorder is not None:
                        kept.append(chunk)
                    yield chunk
            if call.usage is None:  # said by nobody: estimated, and marked so
                kept.append(call.estimate())
                yield kept[-1]
            await self._record(body, kept)
        except Fault as fault:
            call.fault = fault
            if fault.code == TOOLS and isinstance(self.recorder, Recorder):
                self.recorder.add_refusal(body, fault.code)
            raise
        finally:
            self.meter.end(call)
            if span is not None:
                upstream, asked = self.upstream.chosen(body.get("model"))
                span.end(call, upstream.known(asked) or OTHER)  # it may be listed only by now

    def _span(self, body: Mapping[str, Any]) -> Asked | None:
        if self.trace is None:
            return None
        upstream, _ = self.upstream.chosen(body.get("model"))
        return self.trace.call(upstream.model, body)

    async def _chunks(self, body: Mapping[str, Any]) -> Chunks:
        if self.replay is not None:
            for chunk in self._replayed(self.replay, body):
                yield chunk
            return
        passed = {key: value for key, value in body.items() if key in PASSED}
        chosen = passed.get("model") in self.models
        async with aclosing(self.upstream.chunks(passed, chosen)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def _record(self, body: Mapping[str, Any], reply: list[dict[str, Any]]) -> None:
        """A session that cannot be written whole is worth nothing: the call fails with it."""
        try:
            if isinstance(self.recorder, Recorder):
                await _beside(self.recorder.add, body, reply)
            elif self.recorder is not None:
                self.recorder.add(body, reply)
        except OSError as error:
            text = f"the session cannot be recorded: {error.strerror}"
            raise Fault("recording_failed", text, 500) from error

    def _replayed(self, replay: Replay, body: Mapping[str, Any]) -> list[dict[str, Any]]:
        try:
            return replay.answer(list(body.get("messages") or ()))
        except Unfit as unfit:
            self.meter.unfit = unfit.said
            text = f"the recorded session does not fit: {unfit.said}"
            raise Fault("recording_unfit", text, 409) from unfit

    def traced_by(self, trace: Trace | None) -> None:
        """From the next call on."""
        if self.trace is not None:
            self.trace.close()
        self.trace = trace

    def close(self) -> None:
        self.traced_by(None)
        if self.recorder is not None:
            self.recorder.close()


def tokens_wanted(body: Mapping[str, Any]) -> int | None:
    """How long a reply may be by its request; `checked` has seen to it that it is one number."""
    found = body.get("max_completion_tokens") or body.get("max_tokens")
    return int(found) if found else None


async def _beside(what: Callable[..., None], *arguments: Any) -> None:
    """In a thread, for a disk takes its time and other cells need not wait; to its end, always."""
    running = asyncio.create_task(asyncio.to_thread(what, *arguments))
    try:
        await asyncio.shield(running)
    finally:  # whoever leaves meanwhile has asked all the same
        await running
