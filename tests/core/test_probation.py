"""Probation's judgement: what breaks a promise, and what does not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.core.probation import Limits, Sample, breach, error_share

COMMIT = "c" * 40
LIMITS = Limits()
WELL = Sample(0.0, True, commit=COMMIT, wait_ms=5.0, rss_bytes=50_000_000, descriptors=20)


def seen(count: int = 20, **changes: object) -> list[Sample]:
    return [replace(WELL, at=float(at), requests=at * 10, **changes) for at in range(count)]


def judged(samples: list[Sample], former: list[Sample] | None = None) -> str | None:
    return breach(samples, seen() if former is None else former, COMMIT, LIMITS)


def test_what_is_like_its_former_keeps_its_promises() -> None:
    """Also one that tells no commit, and one that nobody asked anything."""
    assert judged(seen()) is None
    assert judged(seen(commit=None)) is None
    assert judged([]) is None


def test_answers_as_another_commit_are_a_breach() -> None:
    """It is not what was judged that answers; one answer may be the last of its former."""
    other = replace(WELL, commit="d" * 40)
    assert judged([*seen(), other]) is None
    assert "another commit" in str(judged([*seen(), other, other]))


@pytest.mark.parametrize(("missing", "told"), [(2, False), (3, True)])
def test_silence_counts_only_in_a_row(missing: int, told: bool) -> None:
    """One lost look is an accident."""
    samples = seen() + [Sample(1.0, answered=False)] * missing
    assert (judged(samples) is not None) == told
    assert judged([*samples, WELL]) is None


def test_errors_are_compared_with_the_formers() -> None:
    """What failed before fails for another reason than the new release."""
    failing = [replace(one, errors=one.requests // 2) for one in seen()]
    assert "requests failed" in str(judged(failing))
    assert judged(failing, failing) is None
    assert judged(failing[:5]) is None  # too few to speak of a rate


def test_latency_is_compared_with_the_formers_and_the_machines() -> None:
    """Slower than the former is a breach; slower because the machine lags is none."""
    slow = seen(wait_ms=400.0)
    assert "400 ms" in str(judged(slow))
    assert judged(slow, seen(wait_ms=200.0)) is None
    assert judged(seen(wait_ms=400.0, lag_ms=100.0)) is None
    assert judged(slow[:5]) is None  # too few to compare


@pytest.mark.parametrize(("field", "each"), [("rss_bytes", 20_000_000), ("descriptors", 20)])
def test_growth_is_measured_from_when_it_was_warm(field: str, each: int) -> None:
    """Filling caches is no leak; going on and on is."""
    growing = [replace(one, **{field: each * at}) for at, one in enumerate(seen())]
    assert judged(growing) is not None
    filled = [replace(one, **{field: each * min(at, 3)}) for at, one in enumerate(seen())]
    assert judged(filled) is None


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 50), st.integers(0, 50)), max_size=30))
def test_shares_are_shares(steps: list[tuple[bool, int, int]]) -> None:
    """Whatever a release says of itself, counters that only grow give a share between 0 and 1."""
    samples, requests, errors = [], 0, 0
    for answered, good, bad in steps:
        requests, errors = requests + good + bad, errors + bad
        samples.append(Sample(0.0, answered, requests=requests, errors=errors))
    count, share = error_share(samples)
    assert count >= 0
    assert 0.0 <= share <= 1.0
