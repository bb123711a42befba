"""Rules of the clock: intervals and crons, and when they come next."""

from __future__ import annotations

import time
from collections.abc import Iterator
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
        ("every 366d", "2027-11-21 21:59:00"),
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
        *("every 9999999999999d", "every 367d", f"every {'9' * 5000}s", "every 99999999h"),
        *("* * * * 8", "* * * * 1-", "* * * * *-3", "* * * * 1/0", "* * * * noday"),
    ],
)
def test_what_is_no_rule_is_refused(rule: str) -> None:
    with pytest.raises(Refused):
        following(rule, START)


@pytest.fixture
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The machine's own time is that of `TZ`."""
    with monkeypatch.context() as patched:
        patched.setenv("TZ", request.param)
        time.tzset()
        yield request.param
    time.tzset()


def utc(text: str) -> float:
    return datetime.fromisoformat(f"{text}+00:00").timestamp()


@pytest.mark.parametrize(
    ("zone", "now", "comes"),
    [
        ("UTC0", "2026-11-20 21:59", "2026-11-20 22:00"),
        ("CET-1CEST,M3.5.0,M10.5.0/3", "2026-07-20 12:00", "2026-07-20 20:00"),
        ("CET-1CEST,M3.5.0,M10.5.0/3", "2026-10-24 20:30", "2026-10-25 21:00"),
        ("Europe/Berlin", "2026-10-24 20:30", "2026-10-25 21:00"),
        (":Europe/Berlin", "2026-03-28 21:30", "2026-03-29 20:00"),
        ("EST5EDT", "2026-07-20 12:00", "2026-07-21 02:00"),
        ("Nowhere/AtAll", "2026-11-20 21:59", "2026-11-20 22:00"),
    ],
    indirect=["zone"],
)
def test_a_machine_may_tell_its_zone_in_any_form(zone: str, now: str, comes: str) -> None:
    """`TZ` without a city, too; a summer that begins or ends before the next time is minded."""
    assert following("0 22 * * *", utc(now)) == utc(comes), zone


@pytest.mark.parametrize("zone", ["CET-1CEST,M3.5.0,M10.5.0/3", "Europe/Berlin"], indirect=True)
def test_a_night_when_the_clocks_change(zone: str) -> None:
    """An hour that comes twice has both its runs; one that does not come has none, nor a stop."""
    seen, now = [], utc("2026-10-24 22:00")
    for _ in range(4):
        now = following("30 * * * *", now)
        seen.append(now - utc("2026-10-24 22:00"))
    assert seen == [1800.0, 5400.0, 9000.0, 12600.0], zone
    assert following("30 2 * * *", utc("2026-03-28 22:00")) <= utc("2026-03-30 00:30")


def test_an_interval_beyond_all_calendars_is_refused_with_what_may_be() -> None:
    """Its next time could be shown by nobody."""
    with pytest.raises(Refused, match="too rare: at most every 366d") as refused:
        following("every 9999999999999d", START)
    assert "every 30m" in refused.value.hint
