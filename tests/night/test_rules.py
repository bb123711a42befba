"""Rules of the clock: intervals and crons, and when they come next."""

from __future__ import annotations

from datetime import datetime

import pytest

from daemon.supervisor.rules import following
from ops.errors import Refused
from tests.night.clock import START


@pytest.mark.parametrize(
    ("rule", "when"),
    [
        ("every 90s", "2026-11-20 22:00:30"),
        ("every 2h", "2026-11-20 23:59:00"),
        ("0 22 * * *", "2026-11-20 22:00:00"),
        ("*/20 22-23 * * mon-fri", "2026-11-20 22:00:00"),
        ("0 7 1 * *", "2026-12-01 07:00:00"),
    ],
)
def test_rules_are_intervals_or_crons(rule: str, when: str) -> None:
    assert following(rule, START) == datetime.fromisoformat(when).timestamp()
    assert following(rule, following(rule, START)) > following(rule, START)


@pytest.mark.parametrize(
    ("days", "comes"),
    [
        ("*", "fri sat sun mon tue wed thu"),
        ("1-5", "fri mon tue wed thu"),
        ("0", "sun"),
        ("7", "sun"),
        ("5-7", "fri sat sun"),
        ("SAT-mon", "sat sun mon"),
        ("1,wed", "mon wed"),
        ("*/2", "sat sun tue thu"),
        ("1-5/2", "fri mon wed"),
        ("4/2", "sat thu"),
    ],
)
def test_days_of_the_week_are_crons(days: str, comes: str) -> None:
    """Sunday is 0, and 7; the week is looked at from a Friday evening on."""
    seen, now = [], START
    while (now := following(f"0 22 * * {days}", now)) < START + 7 * 86400:
        seen.append(datetime.fromtimestamp(now).strftime("%a").lower())
    assert " ".join(seen) == comes


@pytest.mark.parametrize(
    "rule",
    [
        *("sometimes", "every 0s", "61 * * * *", "* * *", "0 0 31 2 *", ""),
        *("* * * * 8", "* * * * 1-", "* * * * *-3", "* * * * 1/0", "* * * * noday"),
    ],
)
def test_what_is_no_rule_is_refused(rule: str) -> None:
    with pytest.raises(Refused):
        following(rule, START)
