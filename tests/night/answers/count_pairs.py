"""Pairs of numbers."""

from collections import Counter


def count_pairs(values, target):
    """How many pairs (i, j), i < j, add up to target."""
    count, seen = 0, Counter()
    for value in values:
        count += seen[target - value]
        seen[value] += 1
    return count
