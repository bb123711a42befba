"""Recorded sessions: what a model replied, bound to what it was asked.

A recording holds only replies. An exchange fits when everything but the system prompt
is what it was: roles, contents and calls, in order. The system prompt, the tools on offer
and the model's name are written down to be read, but a later org with more tools still fits.

A session can be written by hand: `head`, then `exchange` for each reply, one line each.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from daemon.broker.faults import Fault
from ops.errors import Refused

SESSION = 1
RECORDING_BYTES_MAX = 256 * 2**20
SHOWN_CHARS_MAX = 160
Message = Mapping[str, Any]


class Exchange(BaseModel):
    """One line of a recording: a reply, and what it answers; a lost one was paid for, not heard."""

    fit: str
    lost: bool = False
    turn: list[dict[str, Any]] = []
    reply: list[dict[str, Any]] = []
    refused: str | None = None  # the fault's code, of a refusal that the agent goes on from


def essence(messages: Iterable[Message]) -> list[dict[str, Any]]:
    """The part of a conversation that a reply depends on, in one canonical shape."""
    return [_essence(message) for message in messages if message.get("role") != "system"]


def _essence(message: Message) -> dict[str, Any]:
    functions = [call.get("function") or {} for call in message.get("tool_calls") or ()]
    calls = [{"name": one.get("name"), "arguments": _arguments(one)} for one in functions]
    kept: dict[str, Any] = {"role": message.get("role"), "content": message.get("content") or ""}
    return kept | ({"calls": calls} if calls else {})


def _arguments(function: Mapping[str, Any]) -> object:
    """As a value where it is JSON, so that spaces between tokens do not matter."""
    text = function.get("arguments") or "{}"
    try:
        return json.loads(text)
    except (ValueError, TypeError):
        return {"unparsed": text}


def fit_of(messages: Iterable[Message]) -> str:
    text = json.dumps(essence(messages), sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def head(model: str, made: int, context_tokens: int = 0) -> bytes:
    """The first line of a recording; `made` in seconds since 1970."""
    known = {"context_tokens": context_tokens} if context_tokens else {}
    return _line({"session": SESSION, "model": model, "made": made, **known})


def exchange(
    messages: list[Message], reply: list[dict[str, Any]], note: Mapping[str, Any] | None = None
) -> bytes:
    """One line of a recording: what it answers, and the stream of chunks it answered with."""
    roles = [message.get("role") for message in messages]
    last = max((at for at, role in enumerate(roles) if role == "assistant"), default=-1)
    turn = essence(messages[last + 1 :])
    noted = {"note": note} if note else {}
    return _line({"fit": fit_of(messages), **noted, "turn": turn, "reply": reply})


def note_of(body: Mapping[str, Any]) -> dict[str, Any]:
    """What is recorded to be read, and is no part of the fit."""
    system = [one.get("content") for one in body["messages"] if one.get("role") == "system"]
    return {"model": body.get("model"), "tools": body.get("tools") or [], "system": system}


def _line(record: Mapping[str, Any]) -> bytes:
    return json.dumps(record, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"


class Unfit(Exception):
    """The recording has no answer to this; `said` tells what it would have answered."""

    def __init__(self, said: str) -> None:
        super().__init__(said)
        self.said = said


def _records(raw: bytes) -> list[Any]:
    """A record a line; what a killed writer left of its last line is passed over."""
    *whole, last = raw.split(b"\n")
    records = [json.loads(line) for line in whole if line.strip()]
    with suppress(ValueError):
        records.append(json.loads(last))
    return records


@dataclass
class Replay:
    """Gives the recorded replies in order, each only to what it answered."""

    path: Path
    exchanges: list[Exchange] = field(default_factory=list)
    at: int = 0
    context_tokens: int = 0  # that its agent was told of; 0: nobody knew

    @classmethod
    def open(cls, path: Path) -> Replay:
        """Raises Refused when it is no recording, or one of a newer org."""
        try:
            if path.stat().st_size > RECORDING_BYTES_MAX:
                raise Refused(f"{path} is too long for a session", "name another with --session")
            lines = _records(path.read_bytes())
            if lines[0]["session"] != SESSION:
                raise Refused(f"{path} was recorded by a newer org", "record it anew")
            exchanges = [Exchange.model_validate(line) for line in lines[1:]]
            heard = [one for one in exchanges if not one.lost]
            return cls(path, heard, context_tokens=int(lines[0].get("context_tokens") or 0))
        except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
            raise Refused(
                f"{path} is no recorded session", "name another with --session"
            ) from error

    def answer(self, messages: list[Message]) -> list[dict[str, Any]]:
        """The recorded chunks. Raises Unfit, and stays where it is; or Fault, as it was refused."""
        if self.at >= len(self.exchanges):
            raise Unfit(f"the recording ends after {len(self.exchanges)} replies")
        wanted = self.exchanges[self.at]
        if wanted.fit != fit_of(messages):
            raise Unfit(
                f"request {self.at + 1} is not the recorded one: {_differs(wanted, messages)}"
            )
        self.at += 1
        if wanted.refused is not None:
            raise Fault(wanted.refused, "the model refused this when it was recorded", 400)
        return wanted.reply


def _differs(wanted: Exchange, messages: list[Message]) -> str:
    """The first place where the asked turn is not the recorded one, shortly."""
    roles = [message.get("role") for message in messages]
    last = max((at for at, role in enumerate(roles) if role == "assistant"), default=-1)
    asked = essence(messages[last + 1 :])
    for old, new in zip_longest(wanted.turn, asked):
        if old != new:
            return f"recorded {_short(old)}, asked {_short(new)}"
    return "the earlier conversation differs"


def _short(message: Mapping[str, Any] | None) -> str:
    if message is None:
        return "nothing more"
    text = json.dumps(message.get("content") or message.get("calls"))
    return f"{message.get('role')} {text[:SHOWN_CHARS_MAX]}"


class Recorder:
    """Writes each exchange as soon as it is over, so that a killed session is still one.

    May be asked from several threads.
    """

    def __init__(
        self,
        path: Path,
        model: str,
        mask: Callable[[str], str] = str,
        context_tokens: int = 0,
    ) -> None:
        self._mask = mask
        self._path = path
        self._one = threading.Lock()
        self._out = path.open("ab")
        self._noted: dict[str, Any] = {}
        self._heard: dict[str, int] = {}  # where the answer to each conversation stands
        if self._out.tell() == 0:
            self._write(head(model, int(time.time()), context_tokens))
        else:
            self._go_on()

    def add(self, body: Mapping[str, Any], reply: list[dict[str, Any]]) -> None:
        """One exchange, with prompt and tools when they are not those of the one before."""
        note, fit = note_of(body), fit_of(body["messages"])
        with self._one:
            self._lose_since(fit)
            self._heard[fit] = self._out.seek(0, os.SEEK_END)
            self._write(exchange(body["messages"], reply, note if note != self._noted else None))
            self._noted = note

    def add_refusal(self, body: Mapping[str, Any], code: str) -> None:
        """One that the agent goes on from, so that a replay comes by it too."""
        line = json.loads(exchange(body["messages"], []))
        with self._one:
            self._write(_line({**line, "refused": code}))

    def _lose_since(self, fit: str) -> None:
        """Whoever asks what was asked before begins anew from there: what came since is lost."""
        begin = self._heard.get(fit)
        if begin is None:
            return
        lines = self._path.read_bytes()[begin:].splitlines()
        self._out.truncate(begin)
        for line in lines:
            self._write(_line({**json.loads(line), "lost": True}))
        self._heard = {fit: at for fit, at in self._heard.items() if at < begin}

    def _go_on(self) -> None:
        """With a session that was closed or killed: a torn line would spoil the next one."""
        whole = self._path.read_bytes()
        whole = whole[: whole.rfind(b"\n") + 1]
        self._out.truncate(len(whole))
        at = 0
        for line in whole.splitlines(keepends=True):
            record = json.loads(line)
            if "fit" in record and not record.get("lost"):
                self._heard[record["fit"]] = at
            at += len(line)

    def _write(self, line: bytes) -> None:
        text = self._mask(line.decode("utf-8", "surrogatepass"))
        self._out.write(text.encode("utf-8", "surrogatepass"))
        self._out.flush()
        os.fsync(self._out.fileno())

    def close(self) -> None:
        self._out.close()
