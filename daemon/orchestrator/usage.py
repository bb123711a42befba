"""Usage for those who did not ask for a chunk of its own: it goes along with the last word.

The broker always asks for usage, and models then send it in a chunk without choices, which
clients that did not ask for it trip over.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

DATA, DONE, END = b"data:", b"[DONE]", b"\n\n"
ASKED = b'"finish_reason": null'
EVENT_BYTES_MAX = 16 * 2**20


async def one_usage(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same stream; its last chunk with a choice is held until the usage is known."""
    rest, last = b"", b""
    async for piece in pieces:
        rest += piece
        *events, rest = rest.split(END)
        said = b""
        for event in events:
            given, last = _told(event, last)
            said += given
        if len(rest) > EVENT_BYTES_MAX:
            said, rest = said + rest, b""
        if said:
            yield said
    if last or rest:
        yield last + rest


def _told(event: bytes, last: bytes) -> tuple[bytes, bytes]:
    """What may be said now, and what is held back."""
    whole = event + END
    if ASKED in event and b'"usage"' not in event:
        return last + whole, b""
    chunk = _chunk(event)
    if chunk is None:
        return last + whole, b""
    choices = chunk.get("choices")
    if choices and any(one.get("finish_reason") for one in choices):
        return last, whole
    if chunk.get("usage") and not choices and last:
        held = _chunk(last.removesuffix(END)) or {}
        held["usage"] = chunk["usage"]
        return DATA + b" " + json.dumps(held).encode() + END, b""
    return last + whole, b""


def _chunk(event: bytes) -> dict[str, Any] | None:
    data = event.strip().removeprefix(DATA).strip()
    if data == DONE or not data.startswith(b"{"):
        return None
    try:
        found = json.loads(data)
        choices = found.get("choices")
        good = all(isinstance(one, dict) for one in choices or ())
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None
    return found if good else None
