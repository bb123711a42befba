"""Pairs of numbers."""


def count_pairs(values, target):
    """How many pairs (i, j), i < j, add up to target."""
    count = 0
    for i in range(len(values)):
        for j in range(i + 1, len(values)):
            if values[i] + values[j] == target:
                count += 1
    return count
