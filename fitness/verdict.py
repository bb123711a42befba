"""What one gate says of one subject. A verdict is a value, never an exception."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Verdict(BaseModel):
    """`reason` is one sentence a person can act on; `details` is kept as evidence.

    One that is not `judged` says no because the machine could not do what the gate needs.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    passed: bool
    reason: str
    details: dict[str, object] = {}
    judged: bool = True


class Unjudged(Exception):
    """What a gate needs is not there: a cell, the broker, current, room on the disk."""


def passed(name: str, reason: str = "ok", **details: object) -> Verdict:
    return Verdict(name=name, passed=True, reason=reason, details=details)


def failed(name: str, reason: str, **details: object) -> Verdict:
    return Verdict(name=name, passed=False, reason=reason, details=details)
