"""What is heard of a member whose reply was cut, and asked for once more."""

from __future__ import annotations

import pytest

from daemon.agent.room.outfit import offered
from daemon.agent.room.voice import Voice
from ops.chatting import Chat
from tests.agent.room.case import Told

CALL = '```json\n{"name": "read_file", "arguments": {"path": "a'


@pytest.mark.parametrize("half", ["Hello, the ans", "Hello. " + CALL, CALL])
def test_half_a_reply_is_taken_back(half: str) -> None:
    """A call that was cut hides nothing of what follows; what was said before stays."""
    told = Told()
    voice = Voice("alice", "m", told)
    voice.listen(offered(None))
    voice.hear("Let me see:")
    voice.hooks().turn(1, "Let me see:")
    voice.hear(half)
    voice.anew()
    voice.hear("Hello, the answer is 4.")
    voice.end()
    assert voice.heard == "Let me see:Hello, the answer is 4."
    assert len(told.of("anew")) == half.startswith("Hello")  # what nobody saw needs no word
    at = max([at for at, one in enumerate(told) if one["event"] == "anew"], default=1)
    after = "".join(one["text"] for one in told[at:] if one["event"] == "delta")
    assert after.endswith("Hello, the answer is 4.")
    assert "ans" not in after.removesuffix("Hello, the answer is 4.")
    voice.anew()
    assert voice.heard == "Let me see:"


def test_who_looks_on_is_told_that_it_begins_anew(capsys: pytest.CaptureFixture[str]) -> None:
    """On a line of its own, before the new words."""
    chat = Chat(None, show_tools=False)  # type: ignore[arg-type]
    for event in (
        {"event": "delta", "text": "Hello, the ans"},
        {"event": "anew", "who": "alice"},
        {"event": "delta", "text": "Hello, the answer is 4."},
    ):
        chat._show(event)
    shown = capsys.readouterr().out
    assert shown == (
        "Hello, the ans\n── alice was cut off, and says it once more ──\nHello, the answer is 4."
    )
