"""Does a new release keep its promises? Pure: samples of it and of the former in, a reason out.

Errors and latency are compared with what the former did shortly before, growth with the
release's own first minute; so a machine that is slow for everybody condemns nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from pydantic import BaseModel, ConfigDict, Field

WARM_SAMPLES = 3  # the first ones, in which caches fill, say nothing of growth
OTHERS_MAX = 2  # answers as another commit: one may come from a process that was just leaving
MIB = 2**20


@dataclass(frozen=True)
class Sample:
    """One look at what serves; counters are since its start, `commit` None where none is told."""

    at: float  # seconds of a monotonic clock
    answered: bool
    ready: bool = True
    commit: str | None = None
    wait_ms: float = 0.0
    lag_ms: float = 0.0  # how late this machine woke the one who looked, just before
    requests: int = 0
    errors: int = 0
    rss_bytes: int = 0
    descriptors: int = 0


class Limits(BaseModel):
    """How far a release may be from its former."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    silent_samples_max: int = Field(default=3, ge=1)
    unready_samples_max: int = Field(default=5, ge=1)
    samples_min: int = Field(default=10, ge=2, description="of each side, to compare latencies")
    requests_min: int = Field(default=50, ge=1, description="to speak of an error rate at all")
    error_share_max: float = Field(default=0.05, ge=0, le=1, description="above the former's")
    latency_factor_max: float = Field(default=3.0, ge=1, description="of the former's median")
    latency_slack_ms: float = Field(default=50.0, ge=0, description="on top of that")
    lag_factor: float = Field(default=4.0, ge=0, description="of the machine's own lag, on top")
    memory_growth_bytes_max: int = Field(default=256 * MIB, ge=0)
    descriptors_growth_max: int = Field(default=256, ge=0)


Judge = Callable[[Sequence[Sample], Sequence[Sample], Limits], str | None]


def breach(
    samples: Sequence[Sample], former: Sequence[Sample], commit: str, limits: Limits
) -> str | None:
    """The first promise that is broken, as one sentence; None when there is none."""
    others = [one.commit for one in samples if one.commit not in (None, commit)]
    if len(others) >= OTHERS_MAX:
        return f"it answers as {str(others[-1])[:12]}, another commit"
    judges: tuple[Judge, ...] = (_silent, _unready, _errors, _latency, _memory, _descriptors)
    reasons = (judge(samples, former, limits) for judge in judges)
    return next((reason for reason in reasons if reason), None)


def _silent(samples: Sequence[Sample], _: Sequence[Sample], limits: Limits) -> str | None:
    last = samples[-limits.silent_samples_max :]
    if len(last) == limits.silent_samples_max and not any(one.answered for one in last):
        return f"it gave no answer {len(last)} times in a row"
    return None


def _unready(samples: Sequence[Sample], _: Sequence[Sample], limits: Limits) -> str | None:
    last = samples[-limits.unready_samples_max :]
    if len(last) == limits.unready_samples_max and not any(one.ready for one in last):
        return f"it was not ready {len(last)} times in a row"
    return None


def error_share(samples: Sequence[Sample]) -> tuple[int, float]:
    """Requests counted over these samples, and which share of them failed."""
    answered = [one for one in samples if one.answered]
    if not answered:
        return 0, 0.0
    requests = answered[-1].requests - answered[0].requests
    errors = answered[-1].errors - answered[0].errors
    return requests, errors / requests if requests > 0 else 0.0


def _errors(samples: Sequence[Sample], former: Sequence[Sample], limits: Limits) -> str | None:
    requests, share = error_share(samples)
    _, before = error_share(former)
    if requests >= limits.requests_min and share > before + limits.error_share_max:
        return f"{share:.0%} of {requests} requests failed; of the former's it were {before:.0%}"
    return None


def _latency(samples: Sequence[Sample], former: Sequence[Sample], limits: Limits) -> str | None:
    ours = [one.wait_ms for one in samples if one.answered]
    theirs = [one.wait_ms for one in former if one.answered]
    if min(len(ours), len(theirs)) < limits.samples_min:
        return None
    now, before = median(ours), median(theirs)
    lag = median(one.lag_ms for one in samples if one.answered)
    allowed = max(before * limits.latency_factor_max, before + limits.latency_slack_ms)
    if now > allowed + lag * limits.lag_factor:
        return f"it answers in {now:.0f} ms; the former did in {before:.0f} ms"
    return None


def _memory(samples: Sequence[Sample], _: Sequence[Sample], limits: Limits) -> str | None:
    grown = _growth([one.rss_bytes for one in samples if one.answered])
    if grown > limits.memory_growth_bytes_max:
        return f"it grew by {grown // MIB} MiB"
    return None


def _descriptors(samples: Sequence[Sample], _: Sequence[Sample], limits: Limits) -> str | None:
    grown = _growth([one.descriptors for one in samples if one.answered])
    if grown > limits.descriptors_growth_max:
        return f"it holds {grown} descriptors more than at its start"
    return None


def _growth(values: Sequence[int]) -> int:
    """From when it was warm until now."""
    warm = values[WARM_SAMPLES:]
    return warm[-1] - warm[0] if len(warm) > 1 else 0
