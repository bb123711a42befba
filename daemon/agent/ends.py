"""How a run ends, and the limits that it ends at: each by a status of its own."""

from __future__ import annotations

from dataclasses import dataclass

from daemon.agent.offer import TOKENS_MAX
from daemon.agent.providers import Usage

MISFITS_MAX = 3  # replies in a row without a call that can be run
MILLION = 1_000_000


@dataclass(frozen=True)
class End:
    """How a run ended, by the one door.

    done, answered, failed; steps, tokens, money, time, format, context; stuck, stopped;
    model, limit (what others decided), unfit (a recording that has no answer).
    """

    status: str
    reason: str


@dataclass(frozen=True)
class Price:
    """Of a million tokens, in one currency; None is not known, which is not nothing."""

    input: float | None = None
    output: float | None = None

    def of(self, usage: Usage) -> float | None:
        if self.input is None or self.output is None:
            return None
        return (usage.prompt_tokens * self.input + usage.completion_tokens * self.output) / MILLION


@dataclass(frozen=True)
class Limits:
    """None is no limit; `context_tokens` 0 is not known; `tool_tokens` is for telling of tools."""

    steps_max: int
    tokens_max: int | None = None
    money_max: float | None = None
    misfits_max: int = MISFITS_MAX
    context_tokens: int = 0
    tool_tokens: int = TOKENS_MAX
    price: Price = Price()

    def passed(self, turns: int, usage: Usage, misfits: int) -> End | None:
        """The first limit that was reached."""
        if misfits >= self.misfits_max:
            return End("format", f"{misfits} replies in a row held no tool call that can be run")
        if turns >= self.steps_max:
            return End("steps", f"{self.steps_max} steps were not enough")
        if self.tokens_max is not None and usage.total >= self.tokens_max:
            return End("tokens", f"the {self.tokens_max} tokens of this run are spent")
        return self._money(usage) if self.money_max is not None else None

    def _money(self, usage: Usage) -> End | None:
        spent = self.price.of(usage)
        if spent is None:
            return End("money", "there is a limit on money, and the model's price is not known")
        if self.money_max is not None and spent >= self.money_max:
            return End("money", f"{spent:.2f} of {self.money_max:.2f} are spent")
        return None
