"""What a search finds: 200 memories, each sought once in other words.

    ops/bench.sh memory [--misses]

A case counts when its memory is among the first five. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from daemon.state.memory import Memories, Way
from tests.bench.figures import Figure, median, show

CASES = Path(__file__).parent / "memory_cases.tsv"
FIRST = 5
ORIGIN = "bench"


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="memory")
    parser.add_argument("--misses", action="store_true", help="tell each on standard error")
    options = parser.parse_args(arguments)
    cases = [line.split("\t") for line in CASES.read_text(encoding="utf-8").splitlines()]
    with tempfile.TemporaryDirectory() as folder:
        memories = Memories.open(Path(folder) / "memory.db")
        stored = [_timed(lambda text=text: memories.store(text, ORIGIN)) for text, _ in cases]
        figures, searched = {}, []
        for way in get_args(Way):
            found, seconds = recall(memories, cases, way, options.misses)
            figures[f"recall5_{way}"] = Figure(round(found, 4), "share")
            searched += seconds if way == "both" else []
        memories.close()
    figures["store_ms"] = median([seconds * 1000 for seconds in stored[1:]], "ms")
    figures["search_ms"] = median([seconds * 1000 for seconds in searched], "ms")
    show("memory", figures | {"cases": Figure(len(cases), "cases")})
    return 0


def _timed(work: object) -> float:
    began = time.perf_counter()
    work()  # type: ignore[operator]
    return time.perf_counter() - began


def recall(
    memories: Memories, cases: Sequence[Sequence[str]], way: Way, misses: bool
) -> tuple[float, list[float]]:
    """The share of cases found, and how long each search took."""
    found, seconds = 0, []
    for text, query in cases:
        began = time.perf_counter()
        hits = [one.text for one in memories.search(query, FIRST, way)]
        seconds.append(time.perf_counter() - began)
        found += text in hits
        if misses and text not in hits:
            print(f"{way}: {query!r} did not find {text!r}", file=sys.stderr)
    return found / len(cases), seconds


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
