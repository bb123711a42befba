"""Recorded exchanges with a model, as the judge asks them again: the request, and its reply.

A line of a recording is kept as it is, with the request beside it as `ask`; so a session
that the broker replays is made by putting lines together.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HEAD = b'{"session": 1, "model": "recorded", "made": 0}\n'
EXCHANGES_BYTES_MAX = 16 * 2**20


@dataclass(frozen=True)
class Exchange:
    """`ask` is the body of the completion request; `line` goes into a recording."""

    ask: dict[str, Any]
    line: bytes
    more: dict[str, Any]  # whatever else stands on the line

    @classmethod
    def parse(cls, line: bytes) -> Exchange:
        """Raises ValueError, LookupError or TypeError for what is no exchange."""
        told = dict(json.loads(line))
        ask = dict(told.pop("ask"))
        kept = {key: told.pop(key) for key in ("fit", "turn", "reply")}
        return cls(ask, json.dumps(kept).encode() + b"\n", told)


def read(path: Path) -> tuple[Exchange, ...]:
    """All exchanges of a file of the judge's own. Raises like `Exchange.parse`."""
    return tuple(map(Exchange.parse, path.read_bytes().splitlines()))


def write_session(path: Path, exchanges: Sequence[Exchange]) -> Path:
    """A recording that gives these replies, one after the other, each to what it answers."""
    path.write_bytes(HEAD + b"".join(one.line for one in exchanges))
    return path
