"""What every benchmark prints last: one JSON object of figures, each with its spread."""

from __future__ import annotations

import json
import platform
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psutil


@dataclass(frozen=True)
class Figure:
    """`spread` is [lowest, highest] of the runs behind `value`."""

    value: float
    unit: str
    spread: tuple[float, float] | None = None


def median(values: Sequence[float], unit: str, digits: int = 3) -> Figure:
    low, high = round(min(values), digits), round(max(values), digits)
    return Figure(round(statistics.median(values), digits), unit, (low, high))


def machine() -> dict[str, Any]:
    return {
        "cpus": psutil.cpu_count(),
        "memory_mb": psutil.virtual_memory().total // 2**20,
        "python": platform.python_version(),
        "kernel": platform.release(),
    }


def show(bench: str, figures: Mapping[str, Figure], peers: Mapping[str, Any] | None = None) -> None:
    shown = {
        name: {"value": one.value, "unit": one.unit, "spread": one.spread}
        for name, one in figures.items()
    }
    whole = {"bench": bench, "figures": shown, "peers": dict(peers or {}), "machine": machine()}
    print(json.dumps(whole))
