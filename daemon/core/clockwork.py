"""When a job is due: what a late clock, a jumping clock and a long sleep mean for it. Pure.

The rules of when are the caller's (`following`); here is what is done about them:
a job that is late by more than its grace was missed, and is made up for at most once; a job whose
next time lies further ahead than its rule can mean was put there by a clock that was set back.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

GRACE_SECONDS = 300.0
SLACK_SECONDS = 2.0
SLOW_SECONDS = 60.0  # doubled with each rejection more
DEAD_SECONDS, DEAD_SECONDS_MAX = 5.0, 600.0
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WINDOW = re.compile(
    r"(?:(?P<days>[a-z]{3}(?:[-,][a-z]{3})*)\s*)?(?:(?P<from>\d\d:\d\d)-(?P<to>\d\d:\d\d))?"
)
Following = Callable[[str, float], float]  # rule, now -> the next time after now


class Do(StrEnum):
    WAIT = "wait"
    RUN = "run"
    MISSED = "missed"


class Job(BaseModel):
    """One job of the schedule; times are unix seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    rule: str
    next: float | None = None
    last: float | None = None
    outcome: str | None = None
    makes_up: bool = False  # run once, late, rather than wait for the next time


def step(
    job: Job, now: float, following: Following, grace: float = GRACE_SECONDS
) -> tuple[Job, Do]:
    """The job with its next time, and what to do about it now."""
    ahead = following(job.rule, now)
    fresh = job.model_copy(update={"next": ahead})
    if job.next is None or job.next > ahead + SLACK_SECONDS:  # new, or the clock was set back
        return fresh, Do.WAIT
    if now < job.next:
        return job, Do.WAIT
    if now - job.next > grace and not job.makes_up:
        return fresh, Do.MISSED
    return fresh.model_copy(update={"last": now}), Do.RUN


class Window(BaseModel):
    """A time of the week in which nothing is changed: days, and from-to, also over midnight."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    days: tuple[int, ...]
    begin: int  # minutes of the day
    end: int

    @classmethod
    def parse(cls, text: str) -> Window:
        """`mon-fri 08:00-18:00`, `22:00-06:00`, `sat,sun`. Raises ValueError."""
        found = WINDOW.fullmatch(text.strip().lower())
        if found is None or not text.strip():
            raise ValueError(f"{text!r} is no window; write it like 'mon-fri 08:00-18:00'")
        days = tuple(_days(found["days"])) if found["days"] else tuple(range(7))
        begin, end = found["from"] or "00:00", found["to"] or "24:00"
        return cls(days=days, begin=_minutes(begin), end=_minutes(end))

    def holds(self, when: datetime) -> bool:
        minute = when.hour * 60 + when.minute
        if self.begin < self.end:
            return when.weekday() in self.days and self.begin <= minute < self.end
        yesterday = (when.weekday() - 1) % 7
        late = when.weekday() in self.days and minute >= self.begin
        return late or (yesterday in self.days and minute < self.end)


def _days(text: str) -> Iterable[int]:
    for part in text.split(","):
        first, _, last = part.partition("-")
        if first not in DAYS or (last or first) not in DAYS:
            raise ValueError(f"{part!r} is no day; days are {', '.join(DAYS)}")
        begin, end = DAYS.index(first), DAYS.index(last or first)
        yield from ((begin + step) % 7 for step in range((end - begin) % 7 + 1))


def _minutes(text: str) -> int:
    hours, minutes = (int(part) for part in text.split(":"))
    if hours > 24 or minutes > 59 or hours * 60 + minutes > 24 * 60:
        raise ValueError(f"{text} is no time of a day")
    return hours * 60 + minutes


class Pace(BaseModel):
    """How fast cycles follow each other: rejections in a row slow it, then pause it."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    streak: int = 0
    not_before: float = 0.0
    paused: bool = False
    dead: int = 0  # times in a row that no model answered, or an author came to no end

    def ended(self, good: bool, now: float, slow_after: int, pause_after: int) -> Pace:
        if good:
            return Pace()
        streak = self.streak + 1
        wait = SLOW_SECONDS * 2 ** min(streak - slow_after, 8) if streak >= slow_after else 0.0
        return Pace(streak=streak, not_before=now + wait, paused=streak >= pause_after)

    def silent(self, now: float) -> Pace:
        """No model answered, or not to the end: ask again later, each time later."""
        longer = self.model_copy(update={"dead": self.dead + 1})
        return longer.model_copy(update={"not_before": now + longer.wait_max()})

    def wait_max(self) -> float:
        """Seconds: more than this it never waits. Told by what a former release reads as well."""
        if self.dead:
            return min(DEAD_SECONDS * 2.0 ** min(self.dead - 1, 16), DEAD_SECONDS_MAX)
        return SLOW_SECONDS * 2.0 ** min(max(self.streak - 1, 0), 8)

    def may(self, now: float) -> bool:
        """What is further ahead than it ever waits was put there by a clock that was set back."""
        ahead = self.not_before - now
        return not self.paused and (ahead <= 0 or ahead > self.wait_max() + SLACK_SECONDS)
