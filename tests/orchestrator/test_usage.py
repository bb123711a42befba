"""Usage goes along with the last word of a stream, for those who did not ask for it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from daemon.orchestrator.usage import one_usage


@pytest.mark.parametrize("size", [1, 2, 7, 64, 10_000])
def test_usage_is_joined_however_the_stream_is_cut(size: int) -> None:
    """One machine, whatever pieces arrive; nothing is lost."""
    end = b'{"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}'
    word = b'{"choices": [{"index": 0, "delta": {"content": "w"}, "finish_reason": null}]}'
    usage = b'{"choices": [], "usage": {"total_tokens": 3}}'
    raw = b"".join(b"data: " + one + b"\n\n" for one in (word, word, end, usage, b"[DONE]"))

    async def run() -> bytes:
        async def pieces() -> Any:
            for at in range(0, len(raw), size):
                yield raw[at : at + size]

        return b"".join([piece async for piece in one_usage(pieces())])

    rows = [row.removeprefix(b"data: ") for row in asyncio.run(run()).split(b"\n\n") if row]
    assert rows[:2] == [word, word]
    assert json.loads(rows[2])["usage"] == {"total_tokens": 3}
    assert rows[3:] == [b"[DONE]"]
