"""Recorded sessions: what a model replied, bound to what it was asked.

A recording holds only replies. An exchange fits when everything but the system prompt
is what it was: roles, contents and calls, in order. The system prompt, the tools on offer
and the model's name are written down to be read, but a later org with more tools still fits.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ops.errors import Refused

SESSION = 1
LINE_BYTES_MAX = 64 * 2**20
SHOWN_CHARS_MAX = 160
Message = Mapping[str, Any]


def essence(messages: Iterable[Message]) -> list[dict[str, Any]]:
    """The part of a conversation that a reply depends on, in one canonical shape."""
    return [_essence(message) for message in messages if message.get("role") != "system"]


def _essence(message: Message) -> dict[str, Any]:
    calls = [
        {"name": call.get("function", {}).get("name"), "arguments": _arguments(call)}
        for call in message.get("tool_calls") or ()
    ]
    kept: dict[str, Any] = {"role": message.get("role"), "content": message.get("content") or ""}
    return kept | ({"calls": calls} if calls else {})


def _arguments(call: Mapping[str, Any]) -> object:
    """As a value where it is JSON, so that spaces between tokens do not matter."""
    text = call.get("function", {}).get("arguments") or "{}"
    try:
        return json.loads(text)
    except (ValueError, TypeError):
        return text


def fit_of(messages: Iterable[Message]) -> str:
    text = json.dumps(essence(messages), sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def exchange(messages: list[Message], reply: list[dict[str, Any]]) -> bytes:
    """One line of a recording: what it answers, and the stream of chunks it answered with."""
    roles = [message.get("role") for message in messages]
    last = max((at for at, role in enumerate(roles) if role == "assistant"), default=-1)
    turn = essence(messages[last + 1 :])
    record = {"fit": fit_of(messages), "turn": turn, "reply": reply}
    return json.dumps(record, ensure_ascii=False).encode() + b"\n"


class Unfit(Exception):
    """The recording has no answer to this; `said` tells what it would have answered."""

    def __init__(self, said: str) -> None:
        super().__init__(said)
        self.said = said


@dataclass
class Replay:
    """Gives the recorded replies in order, each only to what it answered."""

    path: Path
    exchanges: list[dict[str, Any]] = field(default_factory=list)
    at: int = 0

    @classmethod
    def open(cls, path: Path) -> Replay:
        """Raises Refused when it is no recording, or one of a newer org."""
        try:
            lines = [json.loads(line) for line in path.read_bytes().splitlines() if line.strip()]
            version = lines[0]["session"]
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise Refused(
                f"{path} is no recorded session", "name another with --session"
            ) from error
        if version != SESSION:
            raise Refused(f"{path} was recorded by a newer org", "record it anew")
        return cls(path, lines[1:])

    def answer(self, messages: list[Message]) -> list[dict[str, Any]]:
        """The recorded chunks. Raises Unfit, and stays where it is."""
        if self.at >= len(self.exchanges):
            raise Unfit(f"the recording ends after {len(self.exchanges)} replies")
        wanted = self.exchanges[self.at]
        if wanted["fit"] != fit_of(messages):
            raise Unfit(
                f"request {self.at + 1} is not the recorded one: {_differs(wanted, messages)}"
            )
        self.at += 1
        reply: list[dict[str, Any]] = wanted["reply"]
        return reply


def _differs(wanted: Mapping[str, Any], messages: list[Message]) -> str:
    """The first place where the asked turn is not the recorded one, shortly."""
    recorded = list(wanted.get("turn") or ())
    asked = essence(messages)[-len(recorded) :] if recorded else []
    for old, new in zip(recorded, asked, strict=False):
        if old != new:
            return f"recorded {_short(old)}, asked {_short(new)}"
    return "the earlier conversation differs"


def _short(message: Mapping[str, Any]) -> str:
    text = json.dumps(message.get("content") or message.get("calls"))
    return f"{message.get('role')} {text[:SHOWN_CHARS_MAX]}"


class Recorder:
    """Writes each exchange as soon as it is over, so that a killed session is still one."""

    def __init__(self, path: Path, model: str) -> None:
        self._out = path.open("ab")
        if self._out.tell() == 0:
            head = {"session": SESSION, "model": model, "made": int(time.time())}
            self._write(json.dumps(head).encode() + b"\n")

    def add(self, messages: list[Message], reply: list[dict[str, Any]]) -> None:
        self._write(exchange(messages, reply))

    def _write(self, line: bytes) -> None:
        self._out.write(line)
        self._out.flush()
        os.fsync(self._out.fileno())

    def close(self) -> None:
        self._out.close()
