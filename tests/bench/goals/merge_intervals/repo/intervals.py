"""Intervals of numbers."""


def merge(intervals):
    """Sorted intervals without overlaps that cover the same numbers."""
    merged = []
    for start, end in intervals:
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], end)
        else:
            merged.append((start, end))
    return merged
