import random
import time

from sums import range_sums


def test_same_results():
    chance = random.Random(2)
    for _ in range(100):
        values = [chance.randint(-9, 9) for _ in range(chance.randint(0, 30))]
        queries = []
        for _ in range(10):
            i = chance.randint(0, len(values))
            queries.append((i, chance.randint(i, len(values))))
        assert list(range_sums(values, queries)) == [sum(values[i:j]) for i, j in queries]


def test_many_queries_are_quick():
    values = list(range(20000))
    queries = [(number % 100, 20000 - number % 100) for number in range(4000)]
    began = time.perf_counter()
    found = range_sums(values, queries)
    assert found[0] == sum(values)
    assert time.perf_counter() - began < 0.5
