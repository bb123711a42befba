"""Tool calls that a model wrote into its text, where the protocol had a place of its own for them.

Three ways of writing are read: `<tool_call>` tags, fenced blocks, and a text that is
nothing but JSON. Only declared tools are calls; everything else stays text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

CALLS_MAX = 64
TEXT_CHARS_MAX = 1_000_000
TAGGED = re.compile(r"<tool_call>")
FENCE = re.compile(r"^[ \t]*```[ \t]*(?:json|tool_call|tool)?[ \t]*$", re.MULTILINE)
NAMES = ("name", "tool", "function")
ARGUMENTS = ("arguments", "parameters", "args", "input")
THINK = ("<think>", "</think>")


@dataclass(frozen=True)
class Call:
    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True)
class Extraction:
    """The calls in order, and what is left for a reader; no byte of the text is lost silently."""

    calls: tuple[Call, ...]
    content: str
    reasoning: str = ""


def extract(text: str, tools: Sequence[Mapping[str, Any]], family: str | None = None) -> Extraction:
    """Linear in `text`; beyond TEXT_CHARS_MAX it is text only. `tools` are OpenAI schemas."""
    reasoning, rest = _reasoning(text)
    names = {str(tool.get("function", tool).get("name")) for tool in tools}
    if len(rest) > TEXT_CHARS_MAX:
        return Extraction((), rest, reasoning)
    calls: list[Call] = []
    kept: list[str] = []
    at = 0
    for start, end, body in _bodies(rest):
        if start < at:
            continue
        found = _calls(body, names)
        if found and len(calls) + len(found) <= CALLS_MAX:
            calls += found
            kept.append(rest[at:start])
            at = end
    kept.append(rest[at:])
    return Extraction(tuple(calls), "".join(kept).strip(), reasoning)


def _reasoning(text: str) -> tuple[str, str]:
    head, opened, tail = text.partition(THINK[0])
    if not opened or head.strip():
        return "", text
    inner, closed, rest = tail.partition(THINK[1])
    return (inner.strip(), rest) if closed else ("", text)


def _bodies(text: str) -> Iterator[tuple[int, int, str]]:
    """Candidates for calls as (start, end, body), in the order they stand."""
    found = [*_tagged(text), *_fenced(text)]
    if not found and text.strip()[:1] in ("{", "["):
        found = [(0, len(text), text)]
    yield from sorted(found)


def _tagged(text: str) -> Iterator[tuple[int, int, str]]:
    for match in TAGGED.finditer(text):
        close = text.find("</tool_call>", match.end())
        following = text.find("<tool_call>", match.end())
        if close < 0:
            yield match.start(), len(text), text[match.end() :]
            return
        if following < 0 or close < following:
            yield match.start(), close + len("</tool_call>"), text[match.end() : close]


def _fenced(text: str) -> Iterator[tuple[int, int, str]]:
    opened: re.Match[str] | None = None
    for match in FENCE.finditer(text):
        if opened is None:
            opened = match
        else:
            yield opened.start(), match.end(), text[opened.end() : match.start()]
            opened = None


def _calls(body: str, names: set[str]) -> list[Call]:
    """All objects in `body` that name a declared tool; one that does not makes all of it text."""
    calls: list[Call] = []
    decoder = json.JSONDecoder(strict=False)
    at = 0
    while (at := _next(body, at)) < len(body):
        try:
            value, at = decoder.raw_decode(body, at)
        except (ValueError, RecursionError):
            return []
        for one in value if isinstance(value, list) else [value]:
            call = _call(one, names)
            if call is None:
                return []
            calls.append(call)
    return calls


def _next(body: str, at: int) -> int:
    while at < len(body) and body[at] in " \t\r\n,;":
        at += 1
    return at


def _call(value: object, names: set[str]) -> Call | None:
    if not isinstance(value, dict):
        return None
    inner = value.get("function")
    if isinstance(inner, dict):
        value = inner
    name = next((value[key] for key in NAMES if isinstance(value.get(key), str)), None)
    if name not in names:
        return None
    arguments: object = next((value[key] for key in ARGUMENTS if key in value), {})
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except (ValueError, RecursionError):
            return None
    return Call(name, arguments) if isinstance(arguments, dict) else None
