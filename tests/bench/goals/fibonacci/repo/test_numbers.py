import pytest
from numbers_ import fib


def test_small_ones():
    assert [fib(n) for n in range(8)] == [0, 1, 1, 2, 3, 5, 8, 13]


def test_negative():
    with pytest.raises(ValueError):
        fib(-1)
