"""A model as the loop sees it: messages in, one reply out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from daemon.agent.messages import Call, Message
from daemon.agent.providers.treatments import treatment


@dataclass(frozen=True)
class Usage:
    """`estimated` when the server did not count."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    estimated: bool = False

    @property
    def total(self) -> int:
        return self.prompt_tokens + self.completion_tokens


@dataclass(frozen=True)
class Reply:
    """Text, declared calls and reasoning, kept apart."""

    content: str
    calls: tuple[Call, ...]
    reasoning: str = ""
    finish: str | None = None
    usage: Usage = field(default_factory=Usage)
    model: str = ""


class ModelFault(Exception):
    """The model gave no reply; `code` says what kind of fault it was."""

    def __init__(self, code: str, said: str, retry_after_s: float | None = None) -> None:
        super().__init__(said)
        self.code = code
        self.said = said
        self.retry_after_s = retry_after_s

    @property
    def passing(self) -> bool:
        """Whether asking again may help."""
        return treatment(self.code).attempts > 1


class Provider(Protocol):
    def reply(
        self,
        messages: Sequence[Message],
        tools: Sequence[dict[str, Any]],
        temperature: float | None = None,
    ) -> Reply:
        """One reply; None leaves the temperature to the server. Raises ModelFault."""
        ...
