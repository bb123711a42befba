"""Tokens by cell: what was spent, what is reserved by calls under way, what may still be spent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from daemon.broker.chunks import text_chars
from daemon.broker.faults import SPENT_IN_SILENCE, Fault

CHARS_PER_TOKEN = 4  # an estimate, and marked as one, for servers that give no usage
TOKENS_PRICED = 1_000_000
REPLY_TOKENS = 2048  # reserved for a reply whose length the caller does not limit


@dataclass
class Call:
    """One call under way: what it was asked, what it has said so far."""

    asked_bytes: int
    reserved: int
    told_chars: int = 0
    usage: Mapping[str, Any] | None = None
    fault: Fault | None = None

    def saw(self, chunk: dict[str, Any]) -> None:
        self.usage = chunk.get("usage") or self.usage
        self.told_chars += text_chars(chunk)

    def estimate(self) -> dict[str, Any]:
        """A last chunk with what the call seems to have cost."""
        prompt, completion = self.estimated()
        usage = {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
            "estimated": True,
        }
        return {
            "id": "chatcmpl-org",
            "object": "chat.completion.chunk",
            "created": 0,
            "model": "",
            "choices": [],
            "usage": usage,
        }

    def estimated(self) -> tuple[int, int]:
        return self.asked_bytes // CHARS_PER_TOKEN, self.told_chars // CHARS_PER_TOKEN

    def cost(self) -> tuple[int, int]:
        """Prompt and completion tokens, by the server's own count where it gave one."""
        if self.cost_nothing:
            return 0, 0
        return _counted(self.usage) or self.estimated()

    @property
    def cost_nothing(self) -> bool:
        """The model refused, or was never reached; a caller who hangs up pays all the same."""
        silent = self.told_chars == 0 and self.usage is None
        return silent and self.fault is not None and self.fault.code not in SPENT_IN_SILENCE


@dataclass
class Meter:
    """One cell's account; `tokens_max` None is no limit."""

    tokens_max: int | None = None
    requests: int = 0
    refused: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    estimated: bool = False
    unfit: str | None = None
    reserved: int = 0
    money_max: float | None = None
    prices: tuple[float, float] = (0.0, 0.0)  # of prompt and completion, per million tokens

    @property
    def total(self) -> int:
        return self.prompt_tokens + self.completion_tokens

    @property
    def money(self) -> float:
        spent = self.prompt_tokens * self.prices[0] + self.completion_tokens * self.prices[1]
        return spent / TOKENS_PRICED

    def _afford(self, wanted: int) -> None:
        """Raises Fault when the money is spent, or reserved by calls under way."""
        if self.money_max is None:
            return
        if self.money >= self.money_max:
            text = f"the budget of {self.money_max:g} in money is spent"
            raise Fault("budget_exhausted", text, 429)
        reserved = (self.reserved + wanted) * max(self.prices) / TOKENS_PRICED
        if self.reserved and self.money + reserved > self.money_max:
            text = "what is left of the money is reserved by calls under way"
            raise Fault("model_rate_limit", text, 429)

    def begin(self, asked_bytes: int, tokens_wanted: object) -> Call:
        """Reserve for one call. Raises Fault; so calls side by side overshoot as little as one."""
        reply = tokens_wanted if isinstance(tokens_wanted, int) else REPLY_TOKENS
        wanted = asked_bytes // CHARS_PER_TOKEN + max(0, reply)
        if self.tokens_max is not None:
            if self.total >= self.tokens_max:
                text = f"the budget of {self.tokens_max} tokens is spent"
                raise Fault("budget_exhausted", text, 429)
            if self.reserved and self.total + self.reserved + wanted > self.tokens_max:
                text = "what is left of the budget is reserved by calls under way"
                raise Fault("model_rate_limit", text, 429)
        self._afford(wanted)
        self.requests += 1
        self.reserved += wanted
        return Call(asked_bytes, wanted)

    def end(self, call: Call) -> None:
        """Account for it, by the server's own count where it gave one."""
        self.reserved -= call.reserved
        if call.cost_nothing:
            return
        self.estimated |= _counted(call.usage) is None
        prompt, completion = call.cost()
        self.prompt_tokens += prompt
        self.completion_tokens += completion

    def view(self) -> dict[str, Any]:
        return {
            "requests": self.requests,
            "refused": self.refused,
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "total_tokens": self.total,
            "estimated": self.estimated,
            "unfit": self.unfit,
        }


def _counted(usage: Mapping[str, Any] | None) -> tuple[int, int] | None:
    """Prompt and completion tokens; None when the server gave none that make sense."""
    try:
        counted = int((usage or {})["prompt_tokens"]), int((usage or {})["completion_tokens"])
    except (LookupError, TypeError, ValueError, OverflowError):
        return None
    return counted if min(counted) >= 0 else None
