"""Numbers."""


def fib(n):
    """The n-th Fibonacci number."""
    if n < 0:
        raise ValueError("n is negative")
    a, b = 0, 1
    for _ in range(n):
        a, b = b, a + b
    return a
