"""A member's voice while it speaks: what it streams, what its tools do, whether it must stop."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from daemon.agent.extraction import Stream
from daemon.agent.loop import Hooks
from daemon.agent.messages import Call
from daemon.agent.tools.tool import Result, Tool

SHOWN_CHARS_MAX = 4_000
Tell = Callable[..., None]


class Interrupted(Exception):
    """Somebody else has the word."""


@dataclass
class Voice:
    """One speech; `tell(event, **data)` may be called from any thread."""

    name: str
    family: str
    tell: Tell
    secret: bool = False  # raw output stays with the member
    stopped: threading.Event = field(default_factory=threading.Event)
    after_result: Callable[[], None] = lambda: None
    heard: str = ""
    replies: list[str] = field(default_factory=list)
    results: list[tuple[Call, Result]] = field(default_factory=list)
    _whole_chars: int = 0  # of what was heard: those of replies that came to their end
    _stream: Stream | None = None
    _tools: tuple[Tool, ...] = ()

    def listen(self, tools: tuple[Tool, ...]) -> None:
        """A new reply begins; calls in its text are not for people's eyes."""
        self._tools = tools
        self._stream = None
        self._whole_chars = len(self.heard)

    def again(self, why: str) -> None:
        """What was said so far does not count."""
        self.replies.clear()
        self.heard, self._whole_chars = "", 0
        self.tell("again", who=self.name, why=why)

    def anew(self) -> None:
        """The reply under way was cut, and is asked for once more."""
        shown = self.heard[self._whole_chars :]
        self.heard, self._stream = self.heard[: self._whole_chars], None
        if shown and not self.stopped.is_set():
            self.tell("anew", who=self.name)

    def hear(self, piece: str) -> None:
        """Raises Interrupted, in the midst of a stream."""
        if self.stopped.is_set():
            raise Interrupted
        if self._stream is None:
            self._stream = Stream([tool.schema() for tool in self._tools], self.family)
        self._show(self._stream.feed(piece))

    def end(self) -> None:
        if self._stream is not None:
            self._show(self._stream.close())
            self._stream = None

    def _show(self, parts: list[Any]) -> None:
        text = "".join(part.text for part in parts if part.kind == "content")
        if text and not self.stopped.is_set():
            self.heard += text
            self.tell("delta", who=self.name, text=text)

    def hooks(self) -> Hooks:
        return Hooks(self._turn, self._call, self._result, lambda *_: None, self.stopped.is_set)

    def _turn(self, _: int, text: str) -> None:
        self.end()
        self._whole_chars = len(self.heard)
        self.replies.append(text)

    def _call(self, _: int, call: Call) -> None:
        if self.stopped.is_set():
            raise Interrupted
        arguments = call.arguments[:SHOWN_CHARS_MAX]
        self.tell("call", who=self.name, tool=call.name, arguments=arguments)

    def _result(self, _: int, call: Call, result: Result) -> None:
        text = f"[{len(result.text)} characters, kept]" if self.secret else result.text
        self.results.append((call, result))
        self.after_result()
        shown = text[:SHOWN_CHARS_MAX]
        self.tell("result", who=self.name, tool=call.name, ok=result.ok, text=shown)
