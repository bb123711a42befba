"""What a search finds of the benchmark's memories, each sought in other words, stays found."""

from __future__ import annotations

from pathlib import Path

from daemon.state.memory import Memories
from tests.bench.memory import CASES, ORIGIN, recall

CASES_MIN = 200
RECALL_MIN = 0.85  # of the first five, by words and vectors together


def test_the_memory_sought_is_among_the_first_five(tmp_path: Path) -> None:
    cases = [line.split("\t") for line in CASES.read_text(encoding="utf-8").splitlines()]
    assert len(cases) >= CASES_MIN
    memories = Memories.open(tmp_path / "memory.db")
    for text, _ in cases:
        memories.store(text, ORIGIN)
    found, _ = recall(memories, cases, "both", misses=True)
    memories.close()
    assert found >= RECALL_MIN
