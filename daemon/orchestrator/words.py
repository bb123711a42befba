"""Spans, times and counts as people say them."""

from __future__ import annotations

import time
from collections.abc import Callable

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0


def ago(seconds: object) -> str:
    """`3 min`: a span, as people say it."""
    if not isinstance(seconds, int | float):
        return "–"
    seconds = max(0.0, seconds)
    for size, name in ((DAY, "d"), (HOUR, "h"), (MINUTE, "min")):
        if seconds >= size:
            rest = f" {seconds % DAY / HOUR:.0f} h" if name == "d" and seconds < 3 * DAY else ""
            return f"{int(seconds // size)} {name}{rest}"
    return f"{int(seconds)} s"


def clock(at: float | None) -> str:
    return time.strftime("%H:%M:%S", time.localtime(at)) if at else ""


def day(at: float | None) -> str:
    return time.strftime("%d %b %H:%M", time.localtime(at)) if at else ""


def short(commit: str | None) -> str:
    return str(commit)[:10] if commit else "–"


def count(value: object) -> str:
    return f"{value:,.0f}".replace(",", " ") if isinstance(value, int | float) else "–"


def money(value: object) -> str:
    """In whatever currency prices are written down; one that nobody wrote down is no zero."""
    return f"{value:.2f}" if isinstance(value, int | float) else "unknown"


FILTERS: dict[str, Callable[..., str]] = {
    "ago": ago,
    "clock": clock,
    "day": day,
    "short": short,
    "count": count,
    "money": money,
}
