import random
import time

from pairs import count_pairs


def slow(values, target):
    n = len(values)
    return sum(values[i] + values[j] == target for i in range(n) for j in range(i + 1, n))


def test_same_results():
    chance = random.Random(3)
    for _ in range(200):
        values = [chance.randint(-4, 4) for _ in range(chance.randint(0, 20))]
        target = chance.randint(-6, 6)
        assert count_pairs(list(values), target) == slow(values, target)


def test_large_is_quick():
    began = time.perf_counter()
    assert count_pairs([1] * 20000, 2) == 20000 * 19999 // 2
    assert time.perf_counter() - began < 1.0
