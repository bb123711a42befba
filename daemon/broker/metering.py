"""Tokens by cell: what was spent, what may still be spent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

CHARS_PER_TOKEN = 4  # an estimate, and marked as one, for servers that give no usage


@dataclass
class Meter:
    """One cell's account; `tokens_max` None is no limit."""

    tokens_max: int | None = None
    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    estimated: bool = False
    unfit: str | None = None
    under_way: int = 0

    @property
    def total(self) -> int:
        return self.prompt_tokens + self.completion_tokens

    def may_begin(self) -> bool:
        """Whether another call may start: with a budget, one at a time, so it overshoots by one."""
        if self.tokens_max is None:
            return True
        return self.total < self.tokens_max and self.under_way == 0

    def begin(self) -> None:
        self.requests += 1
        self.under_way += 1

    def end(self, usage: Mapping[str, Any] | None, asked_chars: int, told_chars: int) -> None:
        """Account for one call, by the server's own count where it gave one."""
        self.under_way -= 1
        counted = usage or {}
        try:
            prompt = int(counted["prompt_tokens"])
            completion = int(counted["completion_tokens"])
        except (KeyError, TypeError, ValueError):
            prompt, completion = asked_chars // CHARS_PER_TOKEN, told_chars // CHARS_PER_TOKEN
            self.estimated = True
        self.prompt_tokens += max(0, prompt)
        self.completion_tokens += max(0, completion)

    def view(self) -> dict[str, Any]:
        return {
            "requests": self.requests,
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "total_tokens": self.total,
            "estimated": self.estimated,
            "unfit": self.unfit,
        }
