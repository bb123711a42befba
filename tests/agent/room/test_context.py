"""How much of a conversation a model is asked to read."""

from __future__ import annotations

import json
from pathlib import Path

from daemon.agent.compaction import CHARS_PER_TOKEN, size_of
from tests.agent.room.case import Scripts, room_of, say, says, seat


def test_a_model_that_takes_little_is_asked_for_little(tmp_path: Path) -> None:
    """What was said before is bounded by its context, and old results are left out in time."""
    context = 6_000
    names = [f"{number}.txt" for number in range(8)]
    reads = [says("", ("read_file", json.dumps({"path": name}))) for name in names]
    scripts = Scripts(
        m_big=[says("Read."), says("Hm.")],
        m_small=[says("Hm."), *reads, says("All read.")],
    )
    room, told = room_of(
        tmp_path, scripts, seat("big"), seat("small", context_tokens=context, model="m_small")
    )
    for name in names:
        (tmp_path / "workspace" / name).write_text(f"{name} " * 900)
    say(room, "x" * 7_000, "read all")
    assert told.said()[-1] == ("small", "All read.")
    sizes = [size_of(asked) for asked in scripts.asked["m_small"]]
    assert max(sizes) < context * CHARS_PER_TOKEN
    assert "earlier messages are left out" in str(scripts.asked["m_small"][1])
    assert "x" * 7_000 in str(scripts.asked["m_big"][-1])
