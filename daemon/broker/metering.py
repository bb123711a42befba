"""Tokens by cell: what was spent, what is reserved by calls under way, what may still be spent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from daemon.broker.chunks import text_chars
from daemon.broker.faults import SPENT_IN_SILENCE, Fault

CHARS_PER_TOKEN = 4  # an estimate, and marked as one, for servers that give no usage
TOKENS_PRICED = 1_000_000
FREE = (0.0, 0.0)
REPLY_TOKENS = 2048  # reserved for a reply whose length the caller does not limit


@dataclass
class Call:
    """One call under way: what it was asked, what it has said so far."""

    asked_bytes: int
    reserved: int
    price: tuple[float, float] | None = None  # of prompt and completion, per million tokens
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

    def worth(self) -> float:
        """In money; 0 without a price."""
        each, (prompt, completion) = self.price or FREE, self.cost()
        return (prompt * each[0] + completion * each[1]) / TOKENS_PRICED

    def reserved_worth(self) -> float:
        """In money, as if all of it were of the dearer kind."""
        return self.reserved * max(self.price or FREE) / TOKENS_PRICED

    @property
    def cost_nothing(self) -> bool:
        """The model refused, or was never reached; a caller who hangs up pays all the same."""
        silent = self.told_chars == 0 and self.usage is None
        return silent and self.fault is not None and self.fault.code not in SPENT_IN_SILENCE


@dataclass
class Meter:
    """One cell's account; `tokens_max` and `money_max` None are no limits.

    `money` is None once tokens of a model were spent whose price nobody said.
    """

    tokens_max: int | None = None
    requests: int = 0
    refused: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    estimated: bool = False
    unfit: str | None = None
    money_max: float | None = None
    prices: Mapping[str, tuple[float, float]] = field(default_factory=dict)  # by model
    money: float | None = 0.0
    calls: list[Call] = field(default_factory=list)  # under way, the oldest first

    @property
    def total(self) -> int:
        return self.prompt_tokens + self.completion_tokens

    def begin(self, model: str, asked_bytes: int, tokens_wanted: int | None) -> Call:
        """Reserve for one call. Raises Fault; so calls side by side overshoot as little as one."""
        prompt = asked_bytes // CHARS_PER_TOKEN
        reply = REPLY_TOKENS if tokens_wanted is None else tokens_wanted
        call = Call(asked_bytes, prompt + reply, self.prices.get(model))
        if self.money_max is not None and call.price is None:
            text = f"money is limited and nobody said what {model or 'this model'} costs"
            raise Fault("model_not_offered", text, 403)
        self._refuse_spent(self.total, self.money or 0.0)
        self._refuse_reserved(call)
        self.requests += 1
        self.calls.append(call)
        return call

    def _refuse_spent(self, tokens: int, money: float) -> None:
        if self.tokens_max is not None and tokens >= self.tokens_max:
            text = f"the budget of {self.tokens_max} tokens is spent"
            raise Fault("budget_exhausted", text, 429)
        if self.money_max is not None and money >= self.money_max:
            text = f"the budget of {self.money_max:g} in money is spent"
            raise Fault("budget_exhausted", text, 429)

    def _refuse_reserved(self, call: Call) -> None:
        if not self.calls:
            return  # the only one may be the one that is too much
        every = [*self.calls, call]
        tokens = self.total + sum(one.reserved for one in every)
        money = (self.money or 0.0) + sum(one.reserved_worth() for one in every)
        if self.tokens_max is not None and tokens > self.tokens_max:
            text = "what is left of the budget is reserved by calls under way"
            raise Fault("model_rate_limit", text, 429)
        if self.money_max is not None and money > self.money_max:
            text = "what is left of the money is reserved by calls under way"
            raise Fault("model_rate_limit", text, 429)

    def saw(self, call: Call, chunk: dict[str, Any]) -> None:
        """Raises Fault when the account is spent by what all calls have said so far.

        The oldest one goes on: it is the one that may be too much.
        """
        call.saw(chunk)
        if call is self.calls[0] or (self.tokens_max is None and self.money_max is None):
            return
        tokens = self.total + sum(sum(one.cost()) for one in self.calls)
        money = sum(one.worth() for one in self.calls)
        self._refuse_spent(tokens, (self.money or 0.0) + money)

    def end(self, call: Call) -> None:
        """Account for it, by the server's own count where it gave one."""
        self.calls = [one for one in self.calls if one is not call]
        if call.cost_nothing:
            return
        self.estimated |= _counted(call.usage) is None
        prompt, completion = call.cost()
        self.prompt_tokens += prompt
        self.completion_tokens += completion
        known = self.money is not None and call.price is not None
        self.money = (self.money or 0.0) + call.worth() if known else None

    def view(self) -> dict[str, Any]:
        return {
            "requests": self.requests,
            "refused": self.refused,
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "total_tokens": self.total,
            "money": self.money,
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
