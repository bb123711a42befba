"""A model as the loop sees it: messages in, one reply out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from daemon.agent.messages import Call, Message

PASSING = frozenset(
    {"model_unreachable", "model_timeout", "model_rate_limit", "model_cut", "model_overloaded"}
)


@dataclass(frozen=True)
class Usage:
    prompt_tokens: int = 0
    completion_tokens: int = 0


@dataclass(frozen=True)
class Reply:
    """Text, declared calls and reasoning, kept apart."""

    content: str
    calls: tuple[Call, ...]
    reasoning: str = ""
    finish: str | None = None
    usage: Usage = field(default_factory=Usage)


class ModelFault(Exception):
    """The model gave no reply; `code` says what kind of fault it was."""

    def __init__(self, code: str, said: str) -> None:
        super().__init__(said)
        self.code = code
        self.said = said

    @property
    def passing(self) -> bool:
        """Whether asking again may help."""
        return self.code in PASSING


class Provider(Protocol):
    def reply(self, messages: Sequence[Message], tools: Sequence[dict[str, Any]]) -> Reply:
        """One reply. Raises ModelFault."""
        ...
