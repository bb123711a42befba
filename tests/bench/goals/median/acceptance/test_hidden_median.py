import random
import statistics

import pytest
from stats import median


def test_like_the_library():
    chance = random.Random(4)
    for _ in range(300):
        values = [chance.randint(-50, 50) for _ in range(chance.randint(1, 30))]
        assert median(list(values)) == statistics.median(values)


def test_the_list_is_left_alone():
    values = [3, 1, 2]
    median(values)
    assert values == [3, 1, 2]


def test_nothing_is_refused():
    with pytest.raises(ValueError):
        median([])
