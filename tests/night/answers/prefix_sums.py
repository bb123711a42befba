"""Sums over ranges."""

from itertools import accumulate


def range_sums(values, queries):
    """For each query (i, j) the sum of values[i:j]."""
    until = list(accumulate(values, initial=0))
    return [until[j] - until[i] for i, j in queries]
