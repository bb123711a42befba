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


def test_telling_of_tools_keeps_to_its_budget(tmp_path: Path) -> None:
    """Where a setting allows less, fewer are offered; a small model is told in words, of fewer."""
    scripts = Scripts(m_a=[says("Hm.")], m_b=[says("Hm.")], **{"m_c:1b": [says("Hm.")]})
    room, _ = room_of(
        tmp_path,
        scripts,
        seat("a"),
        seat("b", tool_tokens_max=300),
        seat("c", model="m_c:1b", small_tool_tokens_max=60),
    )
    say(room, "Look.")
    assert len(scripts.offered["m_b"]) < len(scripts.offered["m_a"])
    small = scripts.asked["m_c:1b"][0][0].content
    assert scripts.offered["m_c:1b"] == []
    assert "read_file(" in small or "write_file(" in small
    assert "data_view(" not in small
