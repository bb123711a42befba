"""Sums over ranges."""


def range_sums(values, queries):
    """For each query (i, j) the sum of values[i:j]."""
    result = []
    for i, j in queries:
        total = 0
        for value in values[i:j]:
            total += value
        result.append(total)
    return result
