"""What a model's stream brings in pieces, made whole: calls, and characters cut in two."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


def sound(text: str) -> str:
    """Text that can be encoded: halves of a character are joined, one alone is replaced."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


@dataclass
class _Made:
    """A call as far as it has come; `index` is the server's own number for it."""

    index: int
    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)


class Calls:
    """Calls whose pieces come side by side."""

    def __init__(self) -> None:
        self._made: list[_Made] = []
        self._under: dict[int, _Made] = {}  # the newest of each index

    def __len__(self) -> int:
        return len(self._made)

    def add(self, piece: Mapping[str, Any]) -> None:
        """Pieces of one call share an index. Raises TypeError or ValueError for rubbish."""
        function = piece.get("function") or {}
        call = self._of(piece, function.get("name"))
        call.id = call.id or piece.get("id") or ""
        call.name += function.get("name") or ""
        arguments = function.get("arguments") or ""
        call.arguments.append(arguments if isinstance(arguments, str) else json.dumps(arguments))

    def _of(self, piece: Mapping[str, Any], name: object) -> _Made:
        """The call that a piece belongs to.

        Some servers give no index: then a name begins a call. Some give all calls the same one:
        then a new id with a name does.
        """
        index = piece.get("index")
        if index is None:
            index = len(self._made) if name or not self._made else self._made[-1].index
        call = self._under.get(int(index))
        if call is None or (name and call.id and piece.get("id") not in (None, "", call.id)):
            call = self._under[int(index)] = _Made(int(index))
            self._made.append(call)
        return call

    def whole(self) -> list[dict[str, Any]]:
        """In OpenAI's shape, by their indexes; one without an id is given one."""
        return [
            {
                "id": call.id or f"call_{at}",
                "type": "function",
                "function": {"name": call.name, "arguments": "".join(call.arguments)},
            }
            for at, call in enumerate(sorted(self._made, key=lambda one: one.index))
        ]
