"""What an extraction is made of: calls, faults, and the parts that the text falls into."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal

Kind = Literal["content", "reasoning", "call", "markup"]


@dataclass(frozen=True)
class Call:
    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True)
class Fault:
    """A call that could be read but not accepted; it goes back to the model as an error."""

    name: str
    why: str


@dataclass(frozen=True)
class Part:
    """A piece of the text in its order; all parts of a text, joined, are the text."""

    kind: Kind
    text: str
    calls: tuple[Call, ...] = ()
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True)
class Extraction:
    """The calls in order; the text for a reader, trimmed; the reasoning, trimmed; the faults."""

    calls: tuple[Call, ...]
    content: str
    reasoning: str = ""
    faults: tuple[Fault, ...] = ()
    parts: tuple[Part, ...] = ()


def merged(parts: Iterable[Part]) -> list[Part]:
    """Neighbours of one kind as one part, but for those that hold calls."""
    out: list[Part] = []
    for (kind, plain), group in groupby(parts, lambda one: (one.kind, not one.calls)):
        several = list(group)
        if not plain or len(several) == 1:
            out += several
            continue
        faults = tuple(fault for one in several for fault in one.faults)
        out.append(Part(kind, "".join(one.text for one in several), (), faults))
    return out


def gathered(parts: Iterable[Part]) -> Extraction:
    whole = tuple(parts)
    return Extraction(
        calls=tuple(call for part in whole for call in part.calls),
        content="".join(part.text for part in whole if part.kind == "content"),
        reasoning="".join(part.text for part in whole if part.kind == "reasoning").strip(),
        faults=tuple(fault for part in whole for fault in part.faults),
        parts=whole,
    )
