"""Small models that were taught in words: `TOOL: NAME ARGUMENTS: {…}`, `Action: NAME`."""

from __future__ import annotations

import re

from daemon.agent.extraction.declared import Declared
from daemon.agent.extraction.families import pythonic
from daemon.agent.extraction.grammar import LINE, Grammar, Start
from daemon.agent.extraction.jsoncalls import Found, found, read_arguments, strict
from daemon.agent.extraction.lenient import BadValue
from daemon.agent.extraction.source import NAME as NAME_RUN
from daemon.agent.extraction.source import SPACE, Source, Wait
from daemon.agent.extraction.tagtext import after

WORDS = (
    "ARGUMENTS:",
    "Arguments:",
    "arguments:",
    "ARGS:",
    "Args:",
    "PARAMETERS:",
    "Parameters:",
    "INPUT:",
    "Input:",
    "Action Input:",
    "Tool Input:",
)
REACT = ("Action:", "ACTION:")  # what follows may be Python's call
ONE_LINE = "Action Input:"  # what follows may be the one text that the tool takes
BLANK = re.compile(r"[ \t]*+")
LINE_REST = re.compile(r"[^\n]*+")
BOLD = "**"
OPENS = (
    "TOOL:",
    "Tool:",
    "TOOL_CALL:",
    "Tool call:",
    "FUNCTION:",
    "Function:",
    "Action:",
    "ACTION:",
)


def read(source: Source, tools: Declared, opening: str) -> Wait[Found | None]:
    yield from source.skip(SPACE)
    quote = yield from source.accept("`", '"', "**")
    begun = source.at
    name = yield from source.skip(NAME_RUN)
    if opening in REACT and not quote and (yield from source.peek()) == "(":
        source.at = begun
        return (yield from _read_python(source, tools))
    if quote:
        yield from source.accept(quote)
    yield from source.skip(SPACE)
    word = yield from source.accept(*WORDS, *(f"{BOLD}{one}{BOLD}" for one in WORDS))
    if not word:
        return None
    yield from source.skip(BLANK)
    key = tools.code_key(name) if word == ONE_LINE else None
    if key and (yield from source.peek()) not in ("{", "`", "\n", ""):
        line = yield from _read_line(source)
        return found([tools.call(name, {key: line})]) if line else None
    yield from source.skip(SPACE)
    fence = yield from source.accept("```json", "```")
    value = yield from read_arguments(source)
    if isinstance(value, BadValue):
        return None
    if fence:
        yield from after(source, "```")
    return strict(found([tools.call(name, value)]))


def _read_line(source: Source) -> Wait[str | None]:
    """A line that is the last one, or stands before what comes of it: longer texts have no end."""
    line = yield from source.skip(LINE_REST)
    end = source.at
    yield from source.skip(SPACE)
    last = not (yield from source.peek()) or bool((yield from source.accept("Observation")))
    source.at = end
    return line.strip() if last else None


def _read_python(source: Source, tools: Declared) -> Wait[Found | None]:
    """`Action: NAME(key=value)`, and nothing else on its line."""
    source.printed = False
    whole = yield from pythonic.read_calls(source, tools)
    yield from source.skip(BLANK)
    return strict(whole) if whole and (yield from source.peek()) in ("\n", "") else None


STARTS: tuple[Start, ...] = (
    *((LINE, word) for word in OPENS),
    *((LINE, f"{BOLD}{word}{BOLD}") for word in OPENS),
)
GRAMMAR = Grammar("spoken", STARTS, read)
