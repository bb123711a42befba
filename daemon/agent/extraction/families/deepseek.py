"""DeepSeek V3, R1, V3.1, Step 3: `<｜tool▁call▁begin｜>function<｜tool▁sep｜>NAME`, then JSON."""

from __future__ import annotations

import re

from daemon.agent.extraction.declared import Declared
from daemon.agent.extraction.families import invoke
from daemon.agent.extraction.grammar import BARS, GAP, HERE, SPACES, Grammar, Start
from daemon.agent.extraction.jsoncalls import Found, found, read_arguments
from daemon.agent.extraction.lenient import BadValue
from daemon.agent.extraction.shapes import Fault
from daemon.agent.extraction.source import NAME, SPACE, Source, Wait
from daemon.agent.extraction.tagtext import after

LINE_REST = re.compile(r"[^\n{]*+")
NAME_CHARS_MAX = 120


def _written(words: str) -> tuple[str, ...]:
    """A token in its spellings: wide bars or not, and four gaps."""
    return tuple(
        f"<{bar}{words.replace(' ', gap)}{bar}>"
        for bar in ("｜", "|")
        for gap in ("▁", "_", " ", "\\_")
    )


SEPARATORS = _written("tool sep")
ENDS = _written("tool call end")
SECTION_ENDS = _written("tool calls end")


def read(source: Source, tools: Declared, opening: str) -> Wait[Found | None]:
    yield from source.skip(SPACE)
    first = yield from source.skip(NAME)
    separated = yield from source.accept(*SEPARATORS)
    yield from source.skip(SPACE)
    if (yield from source.peek()) == "<":
        return (yield from _read_invoke(source, tools))
    if not first or not separated:
        return None
    name = first
    if first == "function" and (yield from source.peek()) != "{":
        name = (yield from source.skip(LINE_REST)).strip()
    yield from source.skip(SPACE)
    fence = yield from source.accept("```json", "```")
    value = yield from read_arguments(source, (*ENDS, "```"))
    if fence:
        yield from after(source, "```")
    yield from after(source, *ENDS)
    yield from after(source, *SECTION_ENDS)
    if isinstance(value, BadValue):
        return Found(faults=(Fault(name, str(value)),))
    return found([tools.call(name, value)])


def _read_invoke(source: Source, tools: Declared) -> Wait[Found | None]:
    """Step 3 puts another family's tags between these."""
    head = yield from source.until("name=", limit=NAME_CHARS_MAX)
    if head is None:
        return None
    whole = yield from invoke.read(source, tools, head[0] + "name=")
    yield from after(source, *ENDS)
    yield from after(source, *SECTION_ENDS)
    return whole


def _starts() -> tuple[Start, ...]:
    call: Start = ("<", BARS, "tool", GAP, "call", GAP, "begin", BARS, ">")
    short: Start = ("<", BARS, "tool", GAP, "calls", BARS, ">", SPACES, HERE, "function<")
    section: Start = ("<", BARS, "tool", GAP, "calls", GAP, "begin", BARS, ">")
    return (call, (*section, SPACES, *call), (*section, SPACES, HERE, "function<"), short)


GRAMMAR = Grammar("deepseek", _starts(), read, ("deepseek", "cogito"))
