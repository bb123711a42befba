"""Streams as real servers sent them, byte for byte: read alike in any pieces."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from daemon.agent.providers import Reply
from daemon.agent.reading import read as read_calls
from daemon.broker.chunks import joined
from daemon.broker.protocols import WIRES
from tests.broker.conversations import WEATHER

HERE = Path(__file__).parent / "streams"
# file: what is in it
TEXTS = {"llama-server-text.sse": "Hallo"}


def read(provider: str, raw: bytes) -> dict[str, Any]:
    """The whole answer, as one who does not stream is given it."""

    async def lines() -> AsyncIterator[bytes]:
        for line in raw.split(b"\n"):
            yield line

    async def all_of() -> list[dict[str, Any]]:
        return [chunk async for chunk in WIRES[provider].chunks(lines())]

    return joined(asyncio.run(all_of()))


@pytest.mark.parametrize("name", TEXTS)
def test_a_recorded_text_is_read(name: str) -> None:
    """Words, how it ended, what it cost, by the server's own count."""
    provider = name.rpartition("-")[0]
    answer = read(provider, (HERE / name).read_bytes())
    choice = answer["choices"][0]
    assert choice["message"]["content"] == TEXTS[name]
    assert choice["finish_reason"] == "stop"
    assert answer["usage"]["completion_tokens"] > 0


def test_a_call_that_a_coder_model_wrote_into_its_text_is_found() -> None:
    """Fenced JSON, cut off by the length limit in the blank lines after it."""
    answer = read("llama-server", (HERE / "llama-server-fenced.sse").read_bytes())
    choice = answer["choices"][0]
    assert choice["finish_reason"] == "length"
    assert "tool_calls" not in choice["message"]
    reply = Reply(choice["message"]["content"], (), model=answer["model"])
    (call,) = read_calls(reply, [WEATHER], loose=False).calls
    assert (call.name, call.value()) == ("weather", {"city": "Oslo"})
