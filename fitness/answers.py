"""What a completion says, whole or streamed: its text, its calls, its end, its shape."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from fitness.requests import Answer

DONE = "[DONE]"
JSON_KIND, STREAM_KIND = "application/json", "text/event-stream"
SHAPE_DEPTH_MAX = 12


@dataclass
class Said:
    """`shape` is which keys hold which types; `ended` whether a stream said so."""

    status: int
    text: str = ""
    calls: list[tuple[str, str]] = field(default_factory=list)
    finish: str | None = None
    ended: bool = False
    shape: object = None
    seconds: float = 0.0

    def values(self) -> list[tuple[str, object]]:
        """The calls with their arguments as values where they are JSON."""
        return [(name, _value(text)) for name, text in self.calls]


def read(answer: Answer) -> Said:
    """Never raises: what cannot be read is not there."""
    said = Said(answer.status, seconds=answer.seconds)
    text = answer.body.decode("utf-8", "replace")
    try:
        if answer.kind == STREAM_KIND:
            _read_stream(text, said)
        elif answer.kind == JSON_KIND:
            _read_whole(json.loads(text), said)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        said.shape = "unreadable"
    return said


def _read_whole(told: Any, said: Said) -> None:
    said.shape = shape(told)
    if said.status != 200:
        return
    choice = told["choices"][0]
    message = choice["message"]
    said.text = message.get("content") or ""
    functions = [call["function"] for call in message.get("tool_calls") or ()]
    said.calls = [(one["name"], one["arguments"]) for one in functions]
    said.finish, said.ended = choice.get("finish_reason"), True


def _read_stream(text: str, said: Said) -> None:
    calls: dict[int, list[str]] = {}
    for line in text.split("\n"):
        data = line.removeprefix("data:").strip() if line.startswith("data:") else ""
        if data == DONE:
            said.ended = True
        elif data:
            _read_chunk(json.loads(data), said, calls)
    said.calls = [(name, arguments) for _, (name, arguments) in sorted(calls.items())]
    said.shape = "a stream"


def _read_chunk(chunk: Any, said: Said, calls: dict[int, list[str]]) -> None:
    for choice in chunk.get("choices") or ():
        delta = choice.get("delta") or {}
        said.text += delta.get("content") or ""
        said.finish = choice.get("finish_reason") or said.finish
        for piece in delta.get("tool_calls") or ():
            call, function = calls.setdefault(piece["index"], ["", ""]), piece["function"]
            call[0] += function.get("name") or ""
            call[1] += function.get("arguments") or ""


def shape(value: object, depth: int = 0) -> object:
    """Types by key; of a list the first one's. Numbers are of one type."""
    if depth < SHAPE_DEPTH_MAX and isinstance(value, dict):
        return {str(key): shape(one, depth + 1) for key, one in value.items()}
    if depth < SHAPE_DEPTH_MAX and isinstance(value, list):
        return [shape(one, depth + 1) for one in value[:1]]
    return "number" if type(value) in (int, float) else type(value).__name__


def lacks(old: object, new: object, where: str = "the answer") -> str | None:
    """What the new shape has not of the old one; more may be there."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key, one in old.items():
            if key not in new:
                return f"{where} lacks {key}"
            if (found := lacks(one, new[key], key)) is not None:
                return found
        return None
    if isinstance(old, list) and isinstance(new, list):
        return lacks(old[0], new[0], where) if old and new else None
    if old == new or "NoneType" in (old, new):
        return None
    return f"{where} is of another type"


def _value(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, TypeError):
        return text
