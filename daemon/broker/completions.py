"""One completion through a door: from a model or a recording, metered and perhaps recorded."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from daemon.broker.metering import Meter
from daemon.broker.recordings import Recorder, Replay, Unfit
from daemon.broker.upstream import Fault, Upstream

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
        "n",
        "reasoning_effort",
    ]
)


@dataclass
class Source:
    """Where a door's answers come from."""

    upstream: Upstream
    replay: Replay | None = None
    recorder: Recorder | None = None
    meter: Meter = field(default_factory=Meter)

    def admit(self) -> None:
        """Raises Fault when the budget is spent, or is being spent by a call under way."""
        if not self.meter.may_begin():
            text = f"the budget of {self.meter.tokens_max} tokens is spent"
            raise Fault("budget_exhausted", text, 429)

    async def stream(self, body: Mapping[str, Any]) -> AsyncIterator[dict[str, Any]]:
        """The chunks of one reply, accounted for when it is over, however it ends."""
        self.meter.begin()
        usage: dict[str, Any] | None = None
        kept: list[dict[str, Any]] = []
        told = 0
        try:
            async for chunk in self._chunks(body):
                usage = chunk.get("usage") or usage
                told += len(json.dumps(chunk.get("choices") or ""))
                if self.recorder is not None:
                    kept.append(chunk)
                yield chunk
            if self.recorder is not None:
                self.recorder.add(list(body.get("messages") or ()), kept)
        finally:
            self.meter.end(usage, len(json.dumps(body)), told)

    async def _chunks(self, body: Mapping[str, Any]) -> AsyncIterator[dict[str, Any]]:
        if self.replay is not None:
            try:
                reply = self.replay.answer(list(body.get("messages") or ()))
            except Unfit as unfit:
                self.meter.unfit = unfit.said
                text = f"the recorded session does not fit: {unfit.said}"
                raise Fault("recording_unfit", text, 409) from unfit
            for chunk in reply:
                yield chunk
            return
        passed = {key: value for key, value in body.items() if key in PASSED}
        passed |= {"stream": True, "stream_options": {"include_usage": True}}
        if self.upstream.model.name:
            passed["model"] = self.upstream.model.name  # the setting decides, not the cell
        async for chunk in self.upstream.chunks(passed):
            yield chunk

    def close(self) -> None:
        if self.recorder is not None:
            self.recorder.close()


def joined(chunks: list[dict[str, Any]]) -> dict[str, Any]:
    """A stream's chunks as the one answer that a caller who did not ask to stream expects."""
    first = chunks[0] if chunks else {}
    message: dict[str, Any] = {"role": "assistant", "content": ""}
    calls: dict[int, dict[str, Any]] = {}
    finish, usage = None, None
    for chunk in chunks:
        usage = chunk.get("usage") or usage
        for choice in chunk.get("choices") or ():
            delta = choice.get("delta") or {}
            message["content"] += delta.get("content") or ""
            for key in ("reasoning_content", "reasoning"):
                if delta.get(key):
                    message[key] = message.get(key, "") + delta[key]
            for piece in delta.get("tool_calls") or ():
                _add_call(calls, piece)
            finish = choice.get("finish_reason") or finish
    if calls:
        message["tool_calls"] = [calls[index] for index in sorted(calls)]
    choice = {"index": 0, "message": message, "finish_reason": finish or "stop"}
    return {
        "id": first.get("id", "chatcmpl-org"),
        "object": "chat.completion",
        "created": first.get("created", 0),
        "model": first.get("model", ""),
        "choices": [choice],
        "usage": usage,
    }


def _add_call(calls: dict[int, dict[str, Any]], piece: Mapping[str, Any]) -> None:
    """Pieces of one call share an index; name and arguments arrive bit by bit."""
    index = int(piece.get("index") or 0)
    empty: dict[str, Any] = {
        "id": "",
        "type": "function",
        "function": {"name": "", "arguments": ""},
    }
    call = calls.setdefault(index, empty)
    call["id"] = piece.get("id") or call["id"]
    function = piece.get("function") or {}
    call["function"]["name"] += function.get("name") or ""
    call["function"]["arguments"] += function.get("arguments") or ""
