"""The conversation: a list of messages is the whole state of an agent."""

from __future__ import annotations

import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from daemon.core.pieces import sound

Wire = dict[str, Any]


class Call(BaseModel):
    """A tool call; `id` is empty for one that was found in the text."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    id: str
    name: str
    arguments: str  # as the model wrote it: JSON, one hopes

    def same_as(self, other: Call) -> bool:
        return self.name == other.name and self.value() == other.value()

    def value(self) -> object:
        try:
            return json.loads(self.arguments or "{}")
        except (ValueError, RecursionError):
            return self.arguments

    def wire(self) -> Wire:
        function = {"name": sound(self.name), "arguments": sound(self.arguments)}
        return {"id": self.id, "type": "function", "function": function}


class Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    role: Literal["system", "user", "assistant", "tool"]
    content: str
    calls: tuple[Call, ...] = ()  # declared ones only: embedded ones stand in the content
    answers: str | None = None  # the id of the call that this is the result of
    spoken: bool = False  # by a person while the agent worked: never left out, nor cut
    images: tuple[str, ...] = ()  # data addresses, shown beside the content

    def wire(self) -> Wire:
        """In OpenAI's shape; tools may bring what cannot be encoded, as names of files."""
        text = sound(self.content)
        message: Wire = {"role": self.role, "content": text}
        if self.images:
            shown = [{"type": "image_url", "image_url": {"url": url}} for url in self.images]
            message["content"] = [{"type": "text", "text": text}, *shown]
        if self.calls:
            message["tool_calls"] = [call.wire() for call in self.calls]
        if self.answers is not None:
            message["tool_call_id"] = self.answers
        return message
