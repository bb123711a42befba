import signal
import time

import pytest
from numbers_ import fib


@pytest.fixture(autouse=True)
def ended_in_time():
    """What would take for ever is a failure after a few seconds."""
    signal.setitimer(signal.ITIMER_REAL, 5.0)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)


def test_large_is_quick():
    began = time.perf_counter()
    assert fib(300) == 222232244629420445529739893461909967206666939096499764990979600
    assert time.perf_counter() - began < 1.0


def test_many():
    a, b = 0, 1
    for n in range(200):
        assert fib(n) == a
        a, b = b, a + b


def test_negative_is_refused():
    with pytest.raises(ValueError):
        fib(-3)
