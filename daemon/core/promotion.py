"""Promotion and rollback as one table: what to do in each state, and where each answer leads.

The table decides, the supervisor performs, the journal remembers. Every effect is safe
to repeat, so after a crash the same row is simply performed again.

A rollback by hand enters at REVERTING; a promotion enters at JUDGED.
"""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from daemon.core.candidate import Stage


class State(StrEnum):
    JUDGED = "judged"
    CONFIRMED = "confirmed"
    READY = "ready"
    RELEASED = "released"
    SERVING = "serving"
    SETTLED = "settled"
    SUPERSEDED = "superseded"
    REJECTED = "rejected"
    REVERTING = "reverting"
    RETURNED = "returned"
    REVERTED = "reverted"


class Effect(StrEnum):
    CONFIRM = "confirm"  # the verdict is for exactly this commit on exactly this main
    START = "start"  # the release runs on :7001's descriptor, not yet accepting
    COMMIT_REFS = "commit-refs"  # main and the tag move in one transaction
    SWITCH = "switch"  # the new one accepts, then the old one drains
    WATCH = "watch"  # probation
    SERVE_FORMER = "serve-former"  # traffic first: the former release accepts again
    REVERT_REFS = "revert-refs"  # bookkeeping second: the restoring commit and its tag


class Answer(StrEnum):
    CONFIRMED = "confirmed"
    STARTED = "started"
    REFS_MOVED = "refs-moved"
    SWITCHED = "switched"
    SETTLED = "settled"
    SUPERSEDED = "superseded"
    RETURNED = "returned"
    REVERTED = "reverted"
    KEPT = "kept"
    FAILED = "failed"


Row = tuple[Effect, dict[Answer, State]]

# A process that cannot start is found before main moves: that costs a start-up
# and saves a revert, so START stands before COMMIT_REFS.
NEXT: dict[State, Row] = {
    State.JUDGED: (
        Effect.CONFIRM,
        {Answer.CONFIRMED: State.CONFIRMED, Answer.FAILED: State.REJECTED},
    ),
    State.CONFIRMED: (
        Effect.START,
        {Answer.STARTED: State.READY, Answer.FAILED: State.REJECTED},
    ),
    State.READY: (
        Effect.COMMIT_REFS,
        {Answer.REFS_MOVED: State.RELEASED, Answer.FAILED: State.REJECTED},
    ),
    State.RELEASED: (
        Effect.SWITCH,
        {Answer.SWITCHED: State.SERVING, Answer.FAILED: State.REVERTING},
    ),
    State.SERVING: (
        Effect.WATCH,
        {
            Answer.SETTLED: State.SETTLED,
            Answer.SUPERSEDED: State.SUPERSEDED,
            Answer.FAILED: State.REVERTING,
        },
    ),
    # A former that cannot serve must not keep main on the failed release:
    # the refs are restored all the same, and the slot goes on looking for a good one.
    # A release that a person wanted to leave is no failed one: it is kept, and main with it.
    State.REVERTING: (
        Effect.SERVE_FORMER,
        {
            Answer.RETURNED: State.RETURNED,
            Answer.FAILED: State.RETURNED,
            Answer.KEPT: State.REJECTED,
        },
    ),
    State.RETURNED: (Effect.REVERT_REFS, {Answer.REVERTED: State.REVERTED}),
}

ENDED = frozenset({State.SETTLED, State.SUPERSEDED, State.REJECTED, State.REVERTED})
OPEN = frozenset(NEXT)


class IllegalAnswer(ValueError):
    """The table has no such pair; a bug, never a fault of the world."""


def effect(state: State) -> Effect | None:
    """What the shell must do in `state`; None where nothing is left to do."""
    row = NEXT.get(state)
    return row[0] if row else None


def step(state: State, answer: Answer) -> State:
    """The state that `answer` leads to. Raises IllegalAnswer on any pair not in the table."""
    row = NEXT.get(state)
    if row is None or answer not in row[1]:
        raise IllegalAnswer(f"{answer} is no answer to {state}")
    return row[1][answer]


class Promotion(BaseModel):
    """One change of what serves; `id` is unique in an instance.

    `merge` is the commit to serve, `former` the one that served before. A rollback
    by hand has no candidate: its `merge` is the release that is left, `former` the
    one to return to.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    id: str
    state: State
    candidate: str | None
    main: str  # refs/heads/main when this began
    merge: str
    former: str
    verdict: str | None = None  # sha256 of the scorecard
    release: str | None = None  # release/<n>, once named
    rollback: str | None = None  # rollback/<n>, once named
    restoring: str | None = None  # the commit that undoes it
    reason: str | None = None
    when: int  # unix seconds; gives the same object ids when a step is redone
    tokens: int = 0

    def to(self, answer: Answer, **changes: object) -> Promotion:
        return self.model_copy(update={"state": step(self.state, answer), **changes})


def stage_after(promotion: Promotion) -> Stage:
    """How the candidate of an ended or watched promotion ends."""
    if promotion.state in (State.SERVING, State.SETTLED, State.SUPERSEDED):
        return Stage.PROMOTED
    if promotion.state is State.REVERTED and promotion.release:
        return Stage.PROMOTED  # it was in service; that it was taken back is in main's history
    return Stage.REJECTED
