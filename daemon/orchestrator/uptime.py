"""A span of time in words."""

from __future__ import annotations

import math


def in_words(seconds: float) -> str:
    """`59 seconds`. Raises ValueError for a span that is negative or no number."""
    if not math.isfinite(seconds) or seconds < 0:
        raise ValueError(f"{seconds} is no span of time")
    whole = int(seconds)
    return f"{whole} second" if whole == 1 else f"{whole} seconds"
