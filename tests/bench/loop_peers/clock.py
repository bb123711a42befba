"""What every loop of the benchmark prints; nothing is imported here that the loops do not have."""

from __future__ import annotations

import json
import resource
import statistics
import sys
import time
from collections.abc import Callable

BEGAN = time.perf_counter()


def asked() -> tuple[str, int, int, str]:
    """The server, calls a loop, loops, and a folder."""
    return sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]


def report(loop: Callable[[int], None], calls: int, loops: int, import_s: float) -> None:
    """Milliseconds a step, without the first loop; `loop` is given its number."""
    taken = []
    for number in range(loops):
        began = time.perf_counter()
        loop(number)
        taken.append((time.perf_counter() - began) * 1000 / (calls + 1))
    told = {
        "ms_per_step": statistics.median(taken[1:] or taken),
        "import_s": import_s,
        "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    print(json.dumps(told))
