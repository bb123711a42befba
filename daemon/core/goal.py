"""What an author is asked to bring about, how its success is told, and what it may cost."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

TEXT_CHARS_MAX = 20_000
TITLE_CHARS_MAX = 200
PRIORITY_MAX = 1000
TRIES = 3
TRIES_MAX = 100
PATHS_MAX = 100


class Protocol(StrEnum):
    """How an author works: a tool loop, or whole-file rewrites for small models."""

    AGENT = "agent"
    REWRITE = "rewrite"


class Budget(BaseModel):
    """What may be spent; None is no limit of its own."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    tokens: int | None = Field(default=None, ge=1)
    money: float | None = Field(default=None, gt=0, description="in the currency of prices.toml")
    wall_seconds: float | None = Field(default=None, gt=0)


class Goal(BaseModel):
    """One wish; `id` is unique in an instance."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    id: str
    text: str = Field(
        min_length=1, max_length=TEXT_CHARS_MAX, description="the first line is the goal"
    )
    priority: int = Field(default=0, ge=-PRIORITY_MAX, le=PRIORITY_MAX, description="higher first")
    protocol: Protocol | None = None
    module: str | None = Field(default=None, description="the one file to change (rewrite)")
    paths: tuple[str, ...] = Field(
        default=(), max_length=PATHS_MAX, description="patterns of what may change; none is all"
    )
    tries: int = Field(default=TRIES, ge=1, le=TRIES_MAX, description="then it is blocked")
    budget: Budget = Budget()
    acceptance: dict[str, object] | None = Field(
        default=None, description="read by the judge alone (fitness.acceptance); never shown"
    )
    session: str | None = Field(default=None, description="recorded session that answers it")
    source: str | None = Field(default=None, description="the file of the repo that says it")
    proposed: bool = Field(default=False, description="waits until a person accepts it")
    evidence: str | None = Field(default=None, description="why org itself proposes it")

    @property
    def title(self) -> str:
        return self.text.strip().splitlines()[0][:TITLE_CHARS_MAX]


def outside(patterns: Iterable[str], changed: Iterable[str]) -> tuple[str, ...]:
    """The changed paths that no pattern allows; `*` also spans folders, no pattern allows all."""
    allowed = tuple(patterns)
    if not allowed:
        return ()
    return tuple(path for path in changed if not any(_fits(path, one) for one in allowed))


def _fits(path: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(path, pattern) or path.startswith(pattern.rstrip("/") + "/")
