"""Where a bracketed value ends: brackets and strings are followed, nothing is parsed yet."""

from __future__ import annotations

import re
from dataclasses import dataclass

from daemon.agent.extraction.lenient import DEPTH_MAX
from daemon.agent.extraction.source import Source, Wait

CLOSING = {"{": "}", "[": "]", "(": ")"}
QUOTES = "\"'"

# A string counts only when it has ended and cannot be the start of a triple quote;
# the others are followed by hand. One piece at a time, and no group is possessive:
# Python before 3.11.5 forgets where such a group began.
FLAT = re.compile(
    r"""[\w\s,:.+\-/=$*;]++
    |"(?!"(?:"|\Z))[^"\\]*+(?:\\.[^"\\]*+)*"
    |'(?!'(?:'|\Z))[^'\\]*+(?:\\.[^'\\]*+)*'""",
    re.VERBOSE | re.DOTALL,
)
STOPS = {quote: re.compile(rf"[\\{quote}]") for quote in QUOTES}
PLAIN = re.compile(r"[\w\s,:.+\-/=$*;]*+")


@dataclass(frozen=True)
class Span:
    """A value's text; `missing` are the brackets it lacks when the text went on without them."""

    text: str
    missing: str = ""


def value(source: Source) -> Wait[Span | None]:
    """Pass over the value whose bracket is at the cursor; None when the brackets do not fit."""
    start = source.at
    stack: list[str] = []
    while True:
        char = (yield from source.peek())[:1]
        if char in CLOSING and char:
            stack.append(CLOSING[char])
            if len(stack) > DEPTH_MAX:
                return None
        elif char and char == stack[-1]:
            stack.pop()
            if not stack:
                source.at += 1
                return Span(source.text[start : source.at])
        elif char and char in QUOTES:
            if not (yield from _string(source, char)):
                return None
            source.at -= 1  # the step below is over the closing quote
        elif char in ("", "}", "]", ")"):
            return None
        else:
            return Span(source.text[start : source.at], "".join(reversed(stack)))
        source.at += 1
        yield from _flat(source)


def _flat(source: Source) -> Wait[None]:
    """Pass over what holds no bracket; stop at a bracket, an unfinished string, or else."""
    while True:
        while found := FLAT.match(source.text, source.at):
            source.at = found.end()
        if source.at < len(source.text) or not (yield from source.more()):
            return


def _string(source: Source, quote: str) -> Wait[bool]:
    """Pass over a string of one or three quotes; False when it does not end."""
    three = yield from source.peek(3)
    if three == quote * 3:
        source.at += 3
        return (yield from source.until(quote * 3)) is not None
    source.at += 1
    while True:
        found = yield from source.find(STOPS[quote], 1)
        if found is None:
            return False
        source.at = found.end()
        if found.group() == quote:
            return True
        yield from source.peek()
        source.at = min(source.at + 1, len(source.text))


def marked(source: Source, marks: tuple[str, ...]) -> Wait[str | None]:
    """Like `value`, where strings stand between `marks`, and quotes mean nothing."""
    start = source.at
    stack: list[str] = []
    pattern = re.compile("[{}\\[\\]]|" + "|".join(map(re.escape, marks)))
    while True:
        found = yield from source.find(pattern, max(map(len, marks)))
        if found is None:
            return None
        source.at = found.end()
        token = found.group()
        if token in CLOSING:
            stack.append(CLOSING[token])
            if len(stack) > DEPTH_MAX:
                return None
        elif token in marks:
            if (yield from source.until(token)) is None:
                return None
        elif not stack or token != stack.pop():
            return None
        if not stack:
            return source.text[start : source.at]
