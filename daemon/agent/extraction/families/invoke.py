"""MiniMax M2, DeepSeek V3.2, Step 3, dots, MiniCPM: `<invoke name="…"><parameter name="…">`.

The tags may have any prefix (`steptml:`, `｜DSML｜`), and any tag may stand around them.
"""

from __future__ import annotations

import re

from daemon.agent.extraction.declared import Declared
from daemon.agent.extraction.grammar import SPACES, Grammar, Run, Start
from daemon.agent.extraction.jsoncalls import Found, found, read_arguments
from daemon.agent.extraction.lenient import BadValue
from daemon.agent.extraction.shapes import Call, Fault
from daemon.agent.extraction.source import HEADER_CHARS_MAX, SPACE, Source, Wait
from daemon.agent.extraction.tagtext import after, attributes, closers_of, plain, read_text

PREFIX = Run(r"[\w:|｜.\-]{0,24}(?:(?<=[|｜]) )?")  # DeepSeek 4.1 puts a space after its bars
AROUND = Run(r"[\w:|｜.\-]{1,40}(?:(?<=[|｜]) \w{1,24})?")
TAGS = ("invoke", "function", "tool", "call", "action", "command")
PARAMETERS = ("parameter", "param", "arg", "argument")
HEAD = re.compile(
    r"(?:<([^<>]*)>)?\s*<([^<>]*?)(invoke|function|tool|call|action|command)\s+name=\Z"
)
OPENING = re.compile(r"\s*([\w.:\-]*)\s*(.*)\Z", re.DOTALL)
ELEMENT = re.compile(r"[\w.\-]{1,80}\Z")


def read(source: Source, tools: Declared, opening: str) -> Wait[Found | None]:
    head = HEAD.search(opening)
    header = yield from source.until(">", limit=HEADER_CHARS_MAX)
    if header is None or head is None:
        return None
    wrapper, prefix, tag = head.group(1), head.group(2), head.group(3)
    given = attributes("name=" + header[0].removesuffix("/"))
    name = given.pop("name", "").strip()
    if not name:
        return None
    if tag != "invoke" and tools.known and not tools.sure(name):
        return Found(faults=(Fault(name, "there is no such tool"),))
    ends = (f"</{prefix}{tag}>", f"</{tag}>")
    if header[0].endswith("/"):
        one: Call | Fault | None = tools.call_from_texts(name, list(given.items()))
    else:
        one = yield from _read_body(source, tools, _Frame(name, prefix, ends, given))
    if wrapper:
        yield from after(source, *closers_of(f"<{wrapper}>"))
    return found([one]) if one else None


class _Frame:
    def __init__(
        self, name: str, prefix: str, ends: tuple[str, ...], given: dict[str, str]
    ) -> None:
        self.name = name
        self.given = given
        self.ends = ends
        self.opens = tuple(f"<{p}{one} " for p in {prefix, ""} for one in PARAMETERS)
        self.closes = tuple(f"</{p}{one}>" for p in {prefix, ""} for one in PARAMETERS)


def _read_body(source: Source, tools: Declared, frame: _Frame) -> Wait[Call | Fault | None]:
    texts: list[tuple[str, str]] = []
    typed: dict[str, object] = {}
    while True:
        yield from source.skip(SPACE)
        if (yield from source.peek()) == "{" and not texts:
            value = yield from read_arguments(source, frame.ends)
            yield from after(source, *frame.ends)
            fault = isinstance(value, BadValue)
            return Fault(frame.name, str(value)) if fault else tools.call(frame.name, value)
        tag = yield from source.accept(*frame.opens, *frame.ends, "<")
        if tag in frame.ends:
            break
        if not tag:
            return None
        pair = yield from (_element if tag == "<" else _parameter)(source, frame)
        if pair is None:
            return None
        key, text, kind = pair
        if kind == "true":
            typed[key] = text
        else:
            texts = [one for one in texts if one[0] != key] + [(key, text)]
    one = tools.call_from_texts(frame.name, texts)
    return Call(one.name, {**one.arguments, **typed}) if isinstance(one, Call) else one


def _parameter(source: Source, frame: _Frame) -> Wait[tuple[str, str, str] | None]:
    header = yield from source.until(">", limit=HEADER_CHARS_MAX)
    text = yield from read_text(source, frame.closes, (*frame.opens, *frame.ends))
    if header is None or text is None:
        return None
    given = attributes(header[0])
    key = given.get("name") or given.get("key")
    return (key, plain(text), given.get("string", "")) if key else None


def _element(source: Source, frame: _Frame) -> Wait[tuple[str, str, str] | None]:
    """`<KEY>text</KEY>`"""
    header = yield from source.until(">", limit=HEADER_CHARS_MAX)
    if header is None or not ELEMENT.match(header[0]):
        return None
    found_end = yield from source.until(f"</{header[0]}>")
    return (header[0], plain(found_end[0]), "") if found_end else None


STARTS: tuple[Start, ...] = (
    *(("<", PREFIX, tag, Run(r"\s"), "name=") for tag in TAGS),
    *(("<", AROUND, ">", SPACES, "<", PREFIX, tag, Run(r"\s"), "name=") for tag in TAGS),
)
GRAMMAR = Grammar("invoke", STARTS, read, ("minimax", "dots", "step3", "minicpm", "claude"))
