"""Texts as vectors by the packaged model, offline; there is no other that does it here."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

from daemon.orchestrator.bodies import Wrong

NAME = "all-MiniLM-L6-v2-int8"
CHARS_MAX = 2**20
NAME_CHARS_SHOWN = 100
CHARS_PER_TOKEN = 4  # usage is an estimate
AT_ONCE = 1  # it uses the machine's cores by itself
_turn = asyncio.Semaphore(AT_ONCE)


async def embedded(body: dict[str, Any]) -> dict[str, Any]:
    """In OpenAI's shape, as numbers or as base64; who names no model gets it. Raises Wrong."""
    model, asked = body.get("model") or NAME, body["input"]
    if model != NAME:
        said = f"{model[:NAME_CHARS_SHOWN]!r} does not embed; there is: {NAME}"
        raise Wrong(said, "model_not_found", 404, "model")
    texts = [asked] if isinstance(asked, str) else asked
    size = sum(map(len, texts))
    if size > CHARS_MAX:
        raise Wrong(f"input has more than {CHARS_MAX} characters", "invalid_value", param="input")
    async with _turn:
        rows = await asyncio.to_thread(_rows, texts, body.get("encoding_format") == "base64")
    listed = [{"object": "embedding", "index": at, "embedding": row} for at, row in enumerate(rows)]
    tokens = -(-size // CHARS_PER_TOKEN)
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return {"object": "list", "data": listed, "model": NAME, "usage": usage}


def _rows(texts: list[str], packed: bool) -> list[Any]:
    from daemon.state.embedding import embed

    rows = embed(texts)
    if packed:
        return [base64.b64encode(row.astype("<f4").tobytes()).decode() for row in rows]
    return [row.tolist() for row in rows]
