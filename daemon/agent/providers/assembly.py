"""A reply while it streams in: text, thoughts, and calls that come in pieces, side by side."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from daemon.agent.messages import Call
from daemon.agent.providers import ModelFault, Reply, Usage

CALLS_MAX = 64
CHARS_PER_TOKEN = 4  # an estimate, marked as one


class Assembly:
    """`hear` is given the text of each piece, also of one that has none."""

    def __init__(self, hear: Callable[[str], None] | None = None) -> None:
        self._hear = hear
        self._content: list[str] = []
        self._reasoning: list[str] = []
        self._calls: dict[int, dict[str, Any]] = {}
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
                self._add_call(piece)
            self._finish = choice.get("finish_reason") or self._finish

    def _add_call(self, piece: dict[str, Any]) -> None:
        """Some servers give no index: then a piece with a name begins a new call."""
        function = piece.get("function") or {}
        index = piece.get("index")
        if index is None:
            index = len(self._calls) if function.get("name") else max(len(self._calls) - 1, 0)
        if len(self._calls) >= CALLS_MAX and index not in self._calls:
            raise ModelFault("model_rubbish", f"more than {CALLS_MAX} calls in one reply")
        call = self._calls.setdefault(int(index), {"id": "", "name": "", "arguments": []})
        call["id"] = call["id"] or piece.get("id") or f"call_{index}"
        call["name"] += function.get("name") or ""
        arguments = function.get("arguments") or ""
        call["arguments"].append(arguments if isinstance(arguments, str) else json.dumps(arguments))

    def reply(self, asked_chars: int) -> Reply:
        """`asked_chars` is what an estimate is made from when nobody counted."""
        content = "".join(self._content)
        made = [self._calls[index] for index in sorted(self._calls)]
        calls = tuple(
            Call(id=one["id"], name=one["name"], arguments="".join(one["arguments"]))
            for one in made
        )
        reasoning = "".join(self._reasoning)
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
