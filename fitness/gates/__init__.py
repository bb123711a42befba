"""One file a gate; the suite is the tuple below, cheapest first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import ModuleType

from fitness.gates import (
    behaviour,
    build,
    command,
    contract,
    faults,
    goal,
    identity,
    lint,
    load,
    own_tests,
    paths,
    replay,
    tests,
    types,
)
from fitness.subject import Job, Subject
from fitness.verdict import Verdict


@dataclass(frozen=True)
class Gate:
    """`served` says that it asks the candidate on :7002."""

    name: str
    question: str
    stage: str
    limit_seconds: float
    served: bool
    judge: Callable[[Subject], Verdict]


def _gate(module: ModuleType) -> Gate:
    return Gate(
        name=module.NAME,
        question=module.QUESTION,
        stage=module.STAGE,
        limit_seconds=module.LIMIT_SECONDS,
        served=module.SERVED,
        judge=module.judge,
    )


# A stage's gates run at the same time; what measures has the machine to itself.
HYGIENE, BUILD = (paths,), (build, lint, types)
SERVE, WORK, MEASURE = (
    (identity, contract),
    (tests, own_tests, goal, behaviour, replay, faults),
    (load,),
)
SUITE = tuple(_gate(module) for module in (*HYGIENE, *BUILD, *SERVE, *WORK, *MEASURE))


def suite_for(job: Job) -> tuple[Gate, ...]:
    """org's own suite, or that of another repo: its commands between hygiene and the goal."""
    if job.kind == "org":
        return SUITE
    own = tuple(
        Gate(
            name=asked.name,
            question=f"Does {' '.join(asked.command)} succeed?",
            stage="work",
            limit_seconds=asked.limit_seconds,
            served=False,
            judge=partial(command.judge, asked=asked),
        )
        for asked in job.gates
    )
    return (_gate(paths), _gate(identity), *own, _gate(goal))
