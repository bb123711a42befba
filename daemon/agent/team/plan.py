"""A plan: subtasks, who does them, and what each waits for; checked before anybody works."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from graphlib import CycleError, TopologicalSorter

from pydantic import Field

from daemon.agent.tools.tool import Arguments

SUBTASKS_MAX = 16
TASK_CHARS_MAX = 4_000
ID = r"^[a-z][a-z0-9_-]{0,31}$"


class Outcome(StrEnum):
    """How a subtask ended; a skipped one waited for an end that did not come."""

    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"


class Subtask(Arguments):
    id: str = Field(pattern=ID, description="short, small letters")
    task: str = Field(min_length=1, max_length=TASK_CHARS_MAX, description="what to do, whole")
    who: str = Field(default="", description="the member who does it")
    after: tuple[str, ...] = Field(default=(), description="ids; however they end")
    on_success: tuple[str, ...] = Field(default=(), description="ids; only when all succeed")
    on_failure: tuple[str, ...] = Field(default=(), description="ids; only when all fail")
    check: str = Field(default="", description="shell command that exits 0 when it is done")
    tokens: int = Field(default=0, ge=0, description="what it may cost")

    @property
    def waits_for(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.after, *self.on_success, *self.on_failure)))

    def may_run(self, ends: Mapping[str, Outcome]) -> bool:
        """Whether its conditions came true; all it waits for has ended."""
        good = all(ends[one] is Outcome.DONE for one in self.on_success)
        return good and all(ends[one] is Outcome.FAILED for one in self.on_failure)


class Plan(Arguments):
    subtasks: tuple[Subtask, ...] = Field(min_length=1, max_length=SUBTASKS_MAX)

    def find(self, name: str) -> Subtask:
        return next(one for one in self.subtasks if one.id == name)


def ordered(plan: Plan) -> list[Subtask]:
    """What is waited for comes first, else as planned. Raises ValueError naming a cycle."""
    places = {one.id: at for at, one in enumerate(plan.subtasks)}
    sorter = TopologicalSorter({one.id: one.waits_for for one in plan.subtasks})
    try:
        sorter.prepare()
    except CycleError as error:
        raise ValueError("these wait for each other: " + " → ".join(error.args[1][::-1])) from None
    found: list[str] = []
    ready: set[str] = set(sorter.get_ready())
    while ready:
        first = min(ready, key=places.__getitem__)
        ready.remove(first)
        found.append(first)
        sorter.done(first)
        ready.update(sorter.get_ready())
    return [plan.find(name) for name in found]


def before(plan: Plan, name: str) -> list[Subtask]:
    """All that `name` builds on, near and far, in order."""
    wanted, open_ones = set(), list(plan.find(name).waits_for)
    while open_ones:
        one = open_ones.pop()
        if one not in wanted:
            wanted.add(one)
            open_ones += plan.find(one).waits_for
    return [one for one in ordered(plan) if one.id in wanted]


def problems(plan: Plan, members: Sequence[str]) -> list[str]:
    """Why it cannot be worked on; nothing when it can."""
    names = [one.id for one in plan.subtasks]
    found = [f"{name} is there twice" for name in _twice(names)]
    for one in plan.subtasks:
        found += [f"{one.id} waits for {other}, which is not planned" for other in one.waits_for
                  if other not in names]  # fmt: skip
        if one.who and one.who not in members:
            found.append(f"{one.id}: nobody is called {one.who}; there is: {', '.join(members)}")
    if not found:
        try:
            ordered(plan)
        except ValueError as error:
            found.append(str(error))
    return found


def _twice(names: Iterable[str]) -> list[str]:
    every = list(names)
    return [name for name in dict.fromkeys(every) if every.count(name) > 1]
