"""What happened, as everybody hears it: one flat JSON object an event."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    CYCLE_STARTED = "cycle.started"
    CYCLE_MODEL = "cycle.model"
    CYCLE_ENDED = "cycle.ended"
    AUTHOR_TURN = "author.turn"
    AUTHOR_CALL = "author.call"
    AUTHOR_RESULT = "author.result"
    AUTHOR_STEP = "author.step"
    AUTHOR_ENDED = "author.ended"
    CANDIDATE = "candidate.state"
    GATE_STARTED = "gate.started"
    GATE_ENDED = "gate.ended"
    PROMOTION = "promotion.state"
    SLOT = "slot.state"
    NOTICE = "notice"
