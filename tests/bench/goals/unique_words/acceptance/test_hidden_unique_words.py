import random
import time

from words import unique


def test_results_are_the_same():
    chance = random.Random(1)
    for _ in range(200):
        words = [
            chance.choice("abcdef") * chance.randint(1, 3) for _ in range(chance.randint(0, 40))
        ]
        assert list(unique(list(words))) == list(dict.fromkeys(words))


def test_large_input_is_quick():
    words = [f"w{number}" for number in range(20000)]
    began = time.perf_counter()
    assert len(unique(words)) == 20000
    assert time.perf_counter() - began < 1.0
