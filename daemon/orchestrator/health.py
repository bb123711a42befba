"""What this process says of itself: identity, readiness, counters."""

from __future__ import annotations

import os
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from ops import loaded

LATENCIES_KEPT = 2048
ROUTES_MAX, ROUTE_LATENCIES_KEPT = 64, 256
MILLISECONDS = 1000.0


@dataclass
class Health:
    """One process; latencies are kept for the newest requests only."""

    slot: str
    tag: str | None
    pid: int = field(default_factory=os.getpid)
    started: float = field(default_factory=time.monotonic)
    requests: int = 0
    errors: int = 0
    in_flight: int = 0
    latencies_ms: deque[float] = field(default_factory=lambda: deque(maxlen=LATENCIES_KEPT))
    routes_ms: dict[str, deque[float]] = field(default_factory=dict)

    @property
    def uptime(self) -> float:
        return time.monotonic() - self.started

    def identity(self) -> dict[str, Any]:
        return {
            "status": "ok",
            "slot": self.slot,
            "commit": loaded.COMMIT,
            "tag": self.tag,
            "pid": self.pid,
            "uptime_s": round(self.uptime, 3),
        }

    def note(self, status: int, seconds: float) -> None:
        self.requests += 1
        self.errors += status >= 500
        self.latencies_ms.append(seconds * MILLISECONDS)

    def note_route(self, route: str, seconds: float) -> None:
        """Of a request whose time is ours alone, not a model's."""
        if route in self.routes_ms or len(self.routes_ms) < ROUTES_MAX:
            taken = self.routes_ms.setdefault(route, deque(maxlen=ROUTE_LATENCIES_KEPT))
            taken.append(seconds * MILLISECONDS)

    def routes(self) -> dict[str, tuple[int, float]]:
        """By route: how many of the newest requests, and their median in milliseconds."""
        return {route: (len(ms), median(ms)) for route, ms in self.routes_ms.items()}

    def stats(self) -> dict[str, Any]:
        ordered = sorted(self.latencies_ms)
        return {
            "requests": self.requests,
            "errors": self.errors,
            "in_flight": self.in_flight,
            "p50_ms": _quantile(ordered, 0.5),
            "p99_ms": _quantile(ordered, 0.99),
            "rss": resident_bytes(),
            "descriptors": sum(1 for _ in Path("/proc/self/fd").iterdir()),
        }


def _quantile(ordered: list[float], share: float) -> float | None:
    return round(ordered[int(share * (len(ordered) - 1))], 3) if ordered else None


def resident_bytes() -> int:
    """From the kernel's page count; psutil would cost its import at every start."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def machine_uptime() -> float:
    return float(Path("/proc/uptime").read_text().split()[0])
