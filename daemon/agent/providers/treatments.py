"""What is done about each kind of fault: one table, read by providers and by the loop."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Treatment:
    """How often it is asked again, whether another model may do better, and how the run ends."""

    attempts: int
    other_model: bool
    status: str
    compact: bool = False  # a shorter conversation may fit
    in_words: bool = False  # tools that are told of in words may do


ONCE = 1
TREATMENTS = {
    # what passes by itself
    "model_rate_limit": Treatment(8, True, "model"),
    "model_overloaded": Treatment(6, True, "model"),
    "model_failed": Treatment(3, True, "model"),
    "model_timeout": Treatment(2, True, "model"),
    "model_unreachable": Treatment(3, True, "model"),
    "model_cut": Treatment(3, True, "model"),
    "model_rubbish": Treatment(2, True, "model"),
    # what stays so with this model
    "model_auth": Treatment(ONCE, True, "model"),
    "model_refused": Treatment(ONCE, True, "model"),
    "model_permanent": Treatment(ONCE, True, "model"),
    "model_not_offered": Treatment(ONCE, True, "model"),
    # what stays so with this conversation
    "context_length_exceeded": Treatment(ONCE, False, "context", compact=True),
    "tools_unsupported": Treatment(ONCE, False, "model", in_words=True),
    "model_bad_request": Treatment(ONCE, False, "model"),
    "bad_request": Treatment(ONCE, False, "model"),
    "body_too_large": Treatment(ONCE, False, "context", compact=True),
    # what others decided
    "budget_exhausted": Treatment(ONCE, False, "limit"),
    "recording_unfit": Treatment(ONCE, False, "unfit"),
}
UNKNOWN = Treatment(2, True, "model")


def treatment(code: str) -> Treatment:
    return TREATMENTS.get(code, UNKNOWN)
