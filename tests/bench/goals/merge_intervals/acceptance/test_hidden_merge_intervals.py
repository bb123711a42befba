import itertools
import random

from intervals import merge


def covered(intervals):
    return {point / 2 for start, end in intervals for point in range(2 * start, 2 * end + 1)}


def test_cover_is_the_same_and_gaps_are_real():
    chance = random.Random(5)
    for _ in range(300):
        given = []
        for _ in range(chance.randint(0, 8)):
            start = chance.randint(0, 20)
            given.append((start, start + chance.randint(0, 6)))
        found = [tuple(one) for one in merge(list(given))]
        assert covered(found) == covered(given)
        assert found == sorted(found)
        assert all(a[1] < b[0] for a, b in itertools.pairwise(found))
