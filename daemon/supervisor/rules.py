"""How a schedule's rules are read: five fields of cron, or `every 30m`; by APScheduler's triggers.

Its triggers only: they are pure. Its scheduler reads the clock itself, keeps its jobs pickled, and
sleeps through a clock that jumps; ours takes the clock as an argument.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, tzinfo
from typing import Any

from ops.errors import Refused

EVERY = re.compile(r"every\s+(\d+)\s*(s|m|h|d)")
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
EVERY_SECONDS_MIN = 1
EXAMPLES = "write it like 'every 30m' or, as cron does, '0 22 * * mon-fri'"


def following(rule: str, now: float) -> float:
    """The next time after `now`, in unix seconds; cron's times are the machine's own."""
    seconds = interval(rule)
    if seconds is not None:
        return now + seconds
    found = _cron(rule).get_next_fire_time(None, datetime.fromtimestamp(now + 1e-3, _zone()))
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
    return float(seconds)


def check(rule: str) -> str:
    """The rule, if it is one. Raises Refused."""
    following(rule, datetime.now(UTC).timestamp())
    return rule


def _cron(rule: str) -> Any:
    from apscheduler.triggers.cron import CronTrigger

    try:
        return CronTrigger.from_crontab(rule, timezone=_zone())
    except ValueError as error:
        raise Refused(f"{rule!r} is no rule of a schedule: {error}", EXAMPLES) from error


def _zone() -> tzinfo:
    from tzlocal import get_localzone

    found: tzinfo = get_localzone()
    return found


def local(now: float) -> datetime:
    """The machine's own time of day, for freeze windows."""
    return datetime.fromtimestamp(now)
