"""MiroThinker, GLM Edge and others: the name and the arguments in elements of their own."""

from __future__ import annotations

import re

from daemon.agent.extraction.declared import Declared
from daemon.agent.extraction.grammar import SPACES, TAG, Grammar, Run, Start
from daemon.agent.extraction.jsoncalls import Found, found, read_arguments
from daemon.agent.extraction.lenient import BadValue
from daemon.agent.extraction.shapes import Call, Fault
from daemon.agent.extraction.source import HEADER_CHARS_MAX, SPACE, Source, Wait
from daemon.agent.extraction.tagtext import after, closers_of, plain

NAMES = ("name", "tool_name", "function_name", "tool", "function")
ARGUMENTS = ("arguments", "parameters", "args", "params", "input", "tool_input")
WRAPPER = re.compile(r"<([^<>]*)>")
ELEMENT = re.compile(r"[\w.\-]{1,80}\Z")


def read(source: Source, tools: Declared, opening: str) -> Wait[Found | None]:
    wrapper = WRAPPER.match(opening)
    tag = opening.rpartition("<")[2].rstrip(">")
    if tag == "server_name":
        if (yield from source.until("</server_name>", limit=HEADER_CHARS_MAX)) is None:
            return None
        yield from source.skip(SPACE)
        tag = (yield from source.accept(*(f"<{one}>" for one in NAMES))).strip("<>")
    name = (yield from source.until(f"</{tag}>", limit=HEADER_CHARS_MAX)) if tag else None
    if name is None or not tools.has(name[0].strip()):
        return None
    one = yield from _read_arguments(source, tools, name[0].strip())
    if wrapper:
        yield from after(source, *closers_of(wrapper.group()))
    return found([one]) if one else None


def _read_arguments(source: Source, tools: Declared, name: str) -> Wait[Call | Fault | None]:
    yield from source.skip(SPACE)
    tag = (yield from source.accept(*(f"<{one}>" for one in ARGUMENTS))).strip("<>")
    if not tag:
        return tools.call(name, {}) if not tools.known or tools.sure(name) else None
    end = f"</{tag}>"
    yield from source.skip(SPACE)
    if (yield from source.peek()) == "{":
        value = yield from read_arguments(source, (end,))
        yield from after(source, end)
        bad = isinstance(value, BadValue)
        return Fault(name, str(value)) if bad else tools.call(name, value)
    texts = yield from read_elements(source, end)
    return tools.call_from_texts(name, texts) if texts is not None else None


def read_elements(source: Source, end: str) -> Wait[list[tuple[str, str]] | None]:
    """`<KEY>text</KEY>` until `end`."""
    texts: list[tuple[str, str]] = []
    while True:
        yield from source.skip(SPACE)
        tag = yield from source.accept(end, "<")
        if tag == end:
            return texts
        key = (yield from source.until(">", limit=HEADER_CHARS_MAX)) if tag else None
        if key is None or not ELEMENT.match(key[0]):
            return None
        text = yield from source.until(f"</{key[0]}>")
        if text is None:
            return None
        texts.append((key[0], plain(text[0])))


STARTS: tuple[Start, ...] = tuple(
    ("<", TAG, ">", SPACES, f"<{one}>") for one in (*NAMES, "server_name")
)
GRAMMAR = Grammar("named", STARTS, read, ("mirothinker",))
__all__ = ["GRAMMAR", "Run", "read_elements"]
