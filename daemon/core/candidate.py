"""A candidate: a release in the making, from its first draft to its end."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from daemon.core.goal import Goal


class Stage(StrEnum):
    DRAFTING = "drafting"
    DRAFTED = "drafted"
    BUILT = "built"
    SERVING = "serving"
    JUDGED = "judged"
    PROMOTED = "promoted"
    REJECTED = "rejected"
    ABANDONED = "abandoned"


RECORDED = "recorded"  # the model of a session that is replayed
ENDED = frozenset({Stage.PROMOTED, Stage.REJECTED, Stage.ABANDONED})

# A candidate may be rejected or abandoned from anywhere, and judged again: on a newer main, or
# after the death of whoever judged it.
NEXT: dict[Stage, frozenset[Stage]] = {
    Stage.DRAFTING: frozenset({Stage.DRAFTED, Stage.REJECTED, Stage.ABANDONED}),
    Stage.DRAFTED: frozenset({Stage.BUILT, Stage.REJECTED, Stage.ABANDONED}),
    Stage.BUILT: frozenset(
        {Stage.DRAFTED, Stage.SERVING, Stage.JUDGED, Stage.REJECTED, Stage.ABANDONED}
    ),
    Stage.SERVING: frozenset({Stage.DRAFTED, Stage.JUDGED, Stage.REJECTED, Stage.ABANDONED}),
    Stage.JUDGED: frozenset({Stage.DRAFTED, Stage.PROMOTED, Stage.REJECTED, Stage.ABANDONED}),
    Stage.PROMOTED: frozenset(),
    Stage.REJECTED: frozenset(),
    Stage.ABANDONED: frozenset(),
}


class IllegalStage(ValueError):
    """A candidate cannot go there from where it is; a bug, never a fault of the world."""


class Candidate(BaseModel):
    """One row of the archive; git holds what it made, this holds how far it is.

    What a newer org wrote beside it is passed over: a release that is taken back still reads it.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")
    id: str
    state: Stage = Stage.DRAFTING
    goal: str  # its text
    wish: Goal | None = None
    created: int  # unix seconds
    base: str  # main's commit that the author started from
    start: str | None = None  # a former try that is continued; None is the base
    head: str | None = None
    merge: str | None = None
    release: str | None = None
    scorecard: str | None = None  # sha256
    passed: bool | None = None
    needs_approval: bool = False
    approved: bool = False
    reason: str | None = None
    tokens: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    money: float | None = None  # as the broker counted; None: by its tokens and its model's price
    drafted: int | None = None  # unix seconds
    waited: int = 0  # seconds between draft and judgement; of one that an older org ended
    worked: float | None = None  # seconds, once it has ended
    ended: int | None = None  # unix seconds; its cycle's end, after which it may still wait
    decided: float | None = None  # unix seconds; when it was promoted, rejected or abandoned
    model: str | None = None
    protocol: str | None = None
    prompts: str | None = None  # a name for those that its author was given
    told: str = ""  # what the author was told of former tries
    former: str | None = None  # the candidate whose answer the author was given to go on from

    @property
    def branch(self) -> str:
        return f"cand/{self.id}"

    @property
    def ref(self) -> str:
        return f"refs/heads/{self.branch}"

    @property
    def wants_a_yes(self) -> bool:
        """Whether nobody may promote it before a person has looked at it."""
        return self.needs_approval and not self.approved

    def to(self, state: Stage, **changes: object) -> Candidate:
        if state not in NEXT[self.state]:
            raise IllegalStage(f"a candidate that is {self.state} cannot become {state}")
        return self.model_copy(update={"state": state, **changes})

    def goes_on(self) -> bool:
        """Whether a later supervisor can finish it, from where an earlier one died."""
        if self.wish is None:
            return False
        if self.state is Stage.DRAFTING:  # a recorded session cannot be entered half-way
            return self.model not in (None, RECORDED)
        if self.state is Stage.JUDGED:  # one whose cycle has ended waits for a person
            return self.ended is None
        return self.state not in ENDED

    def outcome(self) -> str | None:
        """How its cycle ended in the words of the contract; None while it is open."""
        if self.state in ENDED:
            return str(self.state)
        if self.state is Stage.JUDGED:  # protected paths, a freeze, or a policy that asks
            return "awaiting-approval"
        return None


def new_id(now: float, taken: frozenset[str]) -> str:
    """`20261121T052530Z`, with `-2`, `-3`… for further ones of the same second."""
    stamp = datetime.fromtimestamp(int(now), UTC).strftime("%Y%m%dT%H%M%SZ")
    name, number = stamp, 1
    while name in taken:
        number += 1
        name = f"{stamp}-{number}"
    return name
