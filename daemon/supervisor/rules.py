"""How a schedule's rules are read: five fields of cron, or `every 30m`; by APScheduler's triggers.

Its triggers only: they are pure. Its scheduler reads the clock itself, keeps its jobs pickled, and
sleeps through a clock that jumps; ours takes the clock as an argument.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from ops.errors import Refused

EVERY = re.compile(r"every\s+(\d{1,18})\s*(s|m|h|d)")
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
EVERY_SECONDS_MIN, EVERY_SECONDS_MAX = 1, 366 * 86400
WEEK = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")  # as cron counts them; 7 is sunday too
DAY = "[0-7]|" + "|".join(WEEK)
DAYS = re.compile(rf"(?P<first>\*|{DAY})(-(?P<last>{DAY}))?(/(?P<step>[1-7]))?", re.IGNORECASE)
EXAMPLES = "write it like 'every 30m' or, as cron does, '0 22 * * mon-fri'"


class Local(tzinfo):
    """The machine's own time as the C library tells it.

    That knows a `TZ` without a city, too (`CET-1CEST,M3.5.0,M10.5.0/3`), with its summers.
    """

    def utcoffset(self, when: datetime | None) -> timedelta | None:
        return None if when is None else when.replace(tzinfo=None).astimezone().utcoffset()

    def dst(self, _: datetime | None) -> timedelta | None:
        return None  # the offset says it all

    def tzname(self, _: datetime | None) -> str | None:
        return None

    def fromutc(self, when: datetime) -> datetime:
        seconds = when.replace(tzinfo=UTC).timestamp()
        return datetime.fromtimestamp(seconds).replace(tzinfo=self)


LOCAL = Local()


def following(rule: str, now: float) -> float:
    """The next time after `now`, in unix seconds; cron's times are the machine's own."""
    seconds = interval(rule)
    if seconds is not None:
        return now + seconds
    found = _cron(rule).get_next_fire_time(None, datetime.fromtimestamp(now + 1e-3, LOCAL))
    if found is None:
        raise Refused(f"{rule!r} never comes", EXAMPLES)
    return float(found.timestamp())


def interval(rule: str) -> float | None:
    found = EVERY.fullmatch(rule.strip())
    if found is None:
        return None
    seconds = int(found[1]) * SECONDS[found[2]]
    if seconds < EVERY_SECONDS_MIN:
        raise Refused(f"{rule!r} is too often", EXAMPLES)
    if seconds > EVERY_SECONDS_MAX:
        most = f"{EVERY_SECONDS_MAX // SECONDS['d']}d"
        raise Refused(f"{rule!r} is too rare: at most every {most}", EXAMPLES)
    return float(seconds)


def check(rule: str) -> str:
    """The rule, if it is one. Raises Refused."""
    following(rule, datetime.now(UTC).timestamp())
    return rule


def _cron(rule: str) -> Any:
    from apscheduler.triggers.cron import CronTrigger

    *others, days = rule.split() or [""]
    try:
        return CronTrigger.from_crontab(" ".join((*others, _named(days))), timezone=LOCAL)
    except ValueError as error:
        raise Refused(f"{rule!r} is no rule of a schedule: {error}", EXAMPLES) from error


def _named(days: str) -> str:
    """The days of cron's last field by their names: the trigger counts from monday, cron does not.

    Raises ValueError.
    """
    if days == "*":
        return days
    return ",".join(WEEK[day] for part in days.split(",") for day in _days(part))


def _days(part: str) -> list[int]:
    found = DAYS.fullmatch(part)
    if found is None or (found["first"] == "*" and found["last"]):
        raise ValueError(f"{part!r} is no day of a week")
    first = 0 if found["first"] == "*" else _number(found["first"])
    open_end = found["first"] == "*" or (found["step"] and not found["last"])
    last = len(WEEK) - 1 if open_end else _number(found["last"] or found["first"])
    last += len(WEEK) * (last < first)  # over the end of the week
    return [day % len(WEEK) for day in range(first, last + 1, int(found["step"] or 1))]


def _number(day: str) -> int:
    return int(day) if day.isdecimal() else WEEK.index(day.lower())


def local(now: float) -> datetime:
    """The machine's own time of day, for freeze windows."""
    return datetime.fromtimestamp(now)
