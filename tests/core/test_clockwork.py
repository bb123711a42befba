"""Late clocks, jumping clocks, long sleeps, windows of the week, and the pace after failures."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.core.clockwork import GRACE_SECONDS, SLACK_SECONDS, Do, Job, Pace, Window, step

HOUR = 3600.0


def hourly(_: str, now: float) -> float:
    return (now // HOUR + 1) * HOUR


def a_job(**fields: object) -> Job:
    return Job.model_validate({"name": "cycles", "rule": "hourly", "next": 7200.0, **fields})


@pytest.mark.parametrize(
    ("now", "makes_up", "do", "following"),
    [
        (7100.0, False, Do.WAIT, 7200.0),
        (7200.0, False, Do.RUN, 10800.0),
        (7200.0 + GRACE_SECONDS, False, Do.RUN, 10800.0),
        (7201.0 + GRACE_SECONDS, False, Do.MISSED, 10800.0),
        (7201.0 + GRACE_SECONDS, True, Do.RUN, 10800.0),
        (7200.0 + 100 * HOUR, True, Do.RUN, 7200.0 + 101 * HOUR),  # a hundred misses, one run
        (10.0, False, Do.WAIT, 3600.0),  # the clock was set back two hours
    ],
)
def test_what_a_late_or_jumping_clock_means(
    now: float, makes_up: bool, do: Do, following: float
) -> None:
    job, found = step(a_job(makes_up=makes_up), now, hourly)
    assert (found, job.next) == (do, following)


@given(st.lists(st.floats(min_value=-5000, max_value=5000), max_size=40))
def test_however_the_clock_jumps_the_next_time_is_near(jumps: list[float]) -> None:
    """Never in the past, never further away than the rule says."""
    now, job = 1e6, a_job(next=None)
    for jump in jumps:
        now = max(0.0, now + jump)
        job, _ = step(job, now, hourly)
        assert job.next is not None
        assert now < job.next <= now + HOUR + 2


@pytest.mark.parametrize(
    ("window", "when", "holds"),
    [
        ("mon-fri 08:00-18:00", "2026-11-20 12:00", True),  # a Friday
        ("mon-fri 08:00-18:00", "2026-11-21 12:00", False),
        ("mon-fri 08:00-18:00", "2026-11-20 18:00", False),
        ("22:00-06:00", "2026-11-21 23:30", True),
        ("fri 22:00-06:00", "2026-11-21 05:59", True),  # it began on Friday
        ("fri 22:00-06:00", "2026-11-20 05:59", False),
        ("sat,sun", "2026-11-21 00:00", True),
        ("sat-mon", "2026-11-23 10:00", True),
        ("sat-mon", "2026-11-24 10:00", False),
    ],
)
def test_a_window_of_the_week(window: str, when: str, holds: bool) -> None:
    assert Window.parse(window).holds(datetime.fromisoformat(when)) is holds


@pytest.mark.parametrize("text", ["", "monday", "mon-xyz", "25:00-26:00", "08:00", "08:61-09:00"])
def test_what_is_no_window_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no|unpack"):
        Window.parse(text)


def test_rejections_in_a_row_slow_then_pause() -> None:
    pace, now = Pace(), 1000.0
    waits = []
    for _ in range(6):
        pace = pace.ended(False, now, slow_after=3, pause_after=6)
        waits.append(max(0.0, pace.not_before - now))
    assert waits == [0.0, 0.0, 60.0, 120.0, 240.0, 480.0]
    assert pace.paused
    assert not pace.may(now + 1e6)
    assert pace.ended(True, now, 3, 6) == Pace()


def test_a_dead_endpoint_is_asked_ever_more_rarely() -> None:
    pace, now, waits = Pace(), 1000.0, []
    for _ in range(9):
        pace = pace.silent(now)
        waits.append(pace.not_before - now)
    assert waits == [5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0, 600.0, 600.0]
    assert not pace.may(now)
    assert pace.may(now + 601)
    assert pace.may(now - 1e6)  # a clock that was set back does not silence it for days


@given(
    st.lists(st.sampled_from(["rejected", "silent"]), min_size=1, max_size=12),
    st.integers(1, 5),
    st.floats(min_value=-1e6, max_value=1e6) | st.floats(min_value=-700, max_value=700),
)
def test_a_clock_that_jumps_lets_it_wait_no_longer(
    ends: list[str], slow_after: int, jump: float
) -> None:
    """Than it would wait without; and without a jump it is not let go of before its time."""
    pace, now = Pace(), 1e6
    for end in ends:
        slowed = end == "rejected"
        pace = pace.ended(False, now, slow_after, 99) if slowed else pace.silent(now)
        wait = pace.not_before - now
        assert wait <= pace.wait_max()
        assert wait == 0 or not (pace.may(now) or pace.may(now + wait - 0.1))
        assert pace.may(now + wait)
        there = now + jump
        assert pace.may(there) or pace.may(there + pace.wait_max() + SLACK_SECONDS + 0.1)
        now = there
        pace = pace.model_copy(update={"not_before": min(pace.not_before, now)})


def test_a_night_goes_on_when_the_clock_is_set_back() -> None:
    """One look at a dead model, then eight hours back: an hour later it may ask again."""
    pace = Pace().silent(1e6)
    assert not pace.may(1e6)
    assert pace.may(1e6 - 8 * HOUR) and pace.may(1e6 - 7 * HOUR)
    slowed = Pace(streak=2).ended(False, 1e6, slow_after=3, pause_after=6)
    assert not slowed.may(1e6) and slowed.may(1e6 - 8 * HOUR)
