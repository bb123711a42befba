"""What a plan must hold before anybody works on it: tests, security, cost."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from daemon.agent.team.plan import Plan

UNSAFE = Path(__file__).parent / "unsafe.toml"  # rule = pattern
TOKENS_A_SUBTASK = 8_000  # when the plan does not say


class Criteria(BaseModel):
    """`approve` ask: a person looks at every plan; auto: only at one that falls short."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    tests: bool = False
    security: bool = True
    tokens_max: int | None = Field(default=None, ge=1)
    approve: str = Field(default="auto", pattern="^(auto|ask)$")


def shortcomings(plan: Plan, criteria: Criteria) -> list[str]:
    """Why the plan falls short; nothing when it does not."""
    found = _untested(plan) if criteria.tests else []
    found += _unsafe(plan) if criteria.security else []
    cost = sum(one.tokens or TOKENS_A_SUBTASK for one in plan.subtasks)
    if criteria.tokens_max is not None and cost > criteria.tokens_max:
        found.append(f"cost: {cost} tokens are planned, and {criteria.tokens_max} allowed")
    return found


def _untested(plan: Plan) -> list[str]:
    """Every end of the plan must be checked: what nothing builds on."""
    waited_for = {name for one in plan.subtasks for name in one.waits_for}
    ends = [one.id for one in plan.subtasks if one.id not in waited_for and not one.check]
    return [f"tests: {name} has no check, a command that exits 0 when it is done" for name in ends]


def _unsafe(plan: Plan) -> list[str]:
    return [
        f"security: {one.id} breaks the rule {rule}"
        for one in plan.subtasks
        for rule, pattern in _rules().items()
        if pattern.search(f"{one.task}\n{one.check}")
    ]


@cache
def _rules() -> dict[str, re.Pattern[str]]:
    rules = tomllib.loads(UNSAFE.read_text(encoding="utf-8"))
    return {name: re.compile(text, re.IGNORECASE) for name, text in rules.items()}
