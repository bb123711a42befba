"""What was spent, what may still be: by call, cycle, goal and day. Pure; unknown is not zero."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from pydantic import BaseModel, ConfigDict, Field

from daemon.core.goal import Budget

PER = 1_000_000  # prices are for so many tokens
COUNTED = ("tokens", "money")  # by the broker
FORMS: Mapping[str, Callable[[float], str]] = {  # how people read them
    "tokens": lambda value: f"{value:.0f}",
    "money": lambda value: f"{value:.4f}",
    "wall_seconds": lambda value: f"{value:.1f}".removesuffix(".0"),
}
PARTS = {"tokens": "tokens", "money": "money", "time": "wall_seconds"}  # by how an author ends


class Price(BaseModel):
    """Of one model, per million tokens."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    input: float = Field(ge=0)
    output: float = Field(ge=0)

    def of(self, prompt_tokens: int, completion_tokens: int) -> float:
        return (prompt_tokens * self.input + completion_tokens * self.output) / PER


FREE = Price(input=0.0, output=0.0)


class Spent(BaseModel):
    """`money` None is unknown, and so is every sum that it is part of."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    tokens: int = 0
    money: float | None = 0.0
    wall_seconds: float = 0.0
    cycles: int = 0

    def __add__(self, other: Spent) -> Spent:
        known = self.money is not None and other.money is not None
        return Spent(
            tokens=self.tokens + other.tokens,
            money=(self.money or 0.0) + (other.money or 0.0) if known else None,
            wall_seconds=self.wall_seconds + other.wall_seconds,
            cycles=self.cycles + other.cycles,
        )


def total(parts: Iterable[Spent]) -> Spent:
    return sum(parts, start=Spent())


def left(limit: Budget, spent: Spent) -> Budget | str:
    """What may still be spent; a sentence when it is nothing, or when nobody can know."""
    if limit.money is not None and spent.money is None:
        return "what was spent in money is not known"
    pairs = (
        ("tokens", limit.tokens, spent.tokens),
        ("money", limit.money, spent.money or 0.0),
        ("wall_seconds", limit.wall_seconds, spent.wall_seconds),
    )
    rest: dict[str, float] = {}
    for name, most, used in pairs:
        if most is None:
            continue
        if used >= most:
            return f"{FORMS[name](used)} of {FORMS[name](most)} {name.replace('_', ' ')} are spent"
        rest[name] = most - used
    return Budget.model_validate(rest)


def share(rest: Budget, parts: int) -> Budget:
    """What one of so many may spend that begin together."""
    return Budget(
        tokens=None if rest.tokens is None else max(1, rest.tokens // parts),
        money=None if rest.money is None else rest.money / parts,
        wall_seconds=None if rest.wall_seconds is None else rest.wall_seconds / parts,
    )


class Allowance(BaseModel):
    """What may be spent, and whose limit each part of it is."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    budget: Budget
    whose: dict[str, str]

    def ended(self, status: str, used: Spent) -> str | None:
        """Whose limit ended an author; None when none did. `limit` is the broker's word for two."""
        part = PARTS.get(status)
        if status == "limit":
            part = next((one for one in COUNTED if _is_spent(self.budget, used, one)), None)
        return self.whose.get(part) if part else None


def _is_spent(limit: Budget, used: Spent, part: str) -> bool:
    most, spent = getattr(limit, part), getattr(used, part)
    return most is not None and spent is not None and spent >= most


def least(limits: Mapping[str, Budget]) -> Allowance:
    """The strictest of several, part by part; of equal ones the last."""
    found: dict[str, float] = {}
    whose: dict[str, str] = {}
    for owner, limit in limits.items():
        for name, value in limit.model_dump().items():
            if value is not None and value <= found.get(name, value):
                found[name], whose[name] = value, owner
    return Allowance(budget=Budget.model_validate(found), whose=whose)
