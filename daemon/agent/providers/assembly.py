"""A reply while it streams in: text, thoughts, and calls that come in pieces, side by side."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from daemon.agent.messages import Call
from daemon.agent.providers import ModelFault, Reply, Usage
from daemon.core.pieces import Calls, sound

CALLS_MAX = 64
CHARS_PER_TOKEN = 4  # an estimate, marked as one


class Assembly:
    """`hear` is given the text of each piece, also of one that has none."""

    def __init__(self, hear: Callable[[str], None] | None = None) -> None:
        self._hear = hear
        self._content: list[str] = []
        self._reasoning: list[str] = []
        self._calls = Calls()
        self._finish: str | None = None
        self._usage: Usage | None = None
        self._model = ""

    def add(self, chunk: dict[str, Any]) -> None:
        counted = chunk.get("usage")
        if isinstance(counted, dict):
            self._usage = _usage(counted)
        self._model = chunk.get("model") or self._model
        for choice in chunk.get("choices") or ():
            delta = choice.get("delta") or {}
            self._content.append(delta.get("content") or "")
            self._reasoning.append(delta.get("reasoning_content") or delta.get("reasoning") or "")
            if self._hear is not None:
                self._hear(self._content[-1])
            for piece in delta.get("tool_calls") or ():
                self._calls.add(piece)
            if len(self._calls) > CALLS_MAX:
                raise ModelFault("model_rubbish", f"more than {CALLS_MAX} calls in one reply")
            self._finish = choice.get("finish_reason") or self._finish

    def reply(self, asked_chars: int) -> Reply:
        """`asked_chars` is what an estimate is made from when nobody counted."""
        content = sound("".join(self._content))
        calls = tuple(
            Call(id=one["id"], **{key: sound(text) for key, text in one["function"].items()})
            for one in self._calls.whole()
        )
        reasoning = sound("".join(self._reasoning))
        told = len(content) + len(reasoning) + sum(len(call.arguments) for call in calls)
        estimate = Usage(asked_chars // CHARS_PER_TOKEN, told // CHARS_PER_TOKEN, estimated=True)
        usage = self._usage or estimate
        return Reply(content, calls, reasoning, self._finish, usage, self._model)


def _usage(counted: dict[str, Any]) -> Usage:
    details = counted.get("prompt_tokens_details") or {}
    return Usage(
        int(counted.get("prompt_tokens") or 0),
        int(counted.get("completion_tokens") or 0),
        int(details.get("cached_tokens") or 0),
        bool(counted.get("estimated")),
    )
