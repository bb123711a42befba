"""Named points before and after every effect on the world, where a test may strike.

Nothing strikes by itself: the boot module arms the points, and only where org's tests lie
beside it, which no installed org has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

Strike = Callable[[str], None]
_strikes: list[Strike] = []


def arm(strike: Strike) -> None:
    """Call it at every point with the point's name."""
    _strikes.append(strike)


def point(name: str) -> None:
    for strike in _strikes:
        strike(name)


@contextmanager
def around(name: str) -> Iterator[None]:
    """`<name>.before`, the effect, `<name>.after`."""
    point(f"{name}.before")
    yield
    point(f"{name}.after")
