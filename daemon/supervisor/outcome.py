"""Whose fault it was that a candidate went no further: only its own costs a try."""

from __future__ import annotations

from daemon.core.candidate import Candidate, Stage
from daemon.supervisor.author import Draft
from ops.errors import Exit, Refused


def is_own(trouble: Exception) -> bool:
    """Whether it is the candidate's own fault; all others are the world's, and cost no try."""
    return isinstance(trouble, Refused) and trouble.code is Exit.JUDGED_NO


def unfinished(draft: Draft, candidate: Candidate, limit: str | None) -> tuple[Stage, str] | None:
    """The end of a candidate whose author did not bring it to a judgement.

    `limit` is whose limit ended it: what a cycle gives is for one try, and was that try; that
    the day's or the goal's ran out is no fault of the idea, and what was drafted is kept.
    """
    if limit in ("day", "goal"):
        return Stage.ABANDONED, f"the {limit}'s budget ended it: {draft.reason}"
    if draft.status in ("unfit", "model", "crashed"):
        return Stage.ABANDONED, draft.reason
    if draft.status != "done":
        return Stage.REJECTED, f"the author ended as {draft.status}: {draft.reason}"
    if draft.head == (candidate.start or candidate.base):
        return Stage.REJECTED, "the author changed nothing"
    return None
