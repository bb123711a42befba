"""Intervals of numbers."""


def merge(intervals):
    """Sorted intervals without overlaps that cover the same numbers."""
    merged = []
    for start, end in sorted(intervals):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
