"""GLM, Ling 3, Hunyuan, IQuest: `<tool_call>NAME<arg_key>…</arg_key><arg_value>…`, or JSON."""

from __future__ import annotations

import re

from daemon.agent.extraction.declared import Declared
from daemon.agent.extraction.grammar import HERE, SPACES, Grammar, Run, Start
from daemon.agent.extraction.jsoncalls import Found, found, read_arguments
from daemon.agent.extraction.lenient import BadValue
from daemon.agent.extraction.source import SPACE, Source, Wait
from daemon.agent.extraction.tagtext import after, closers_of, read_text

HEAD = re.compile(r"(?:<([^<>]*)>)?\s*<([\w|:.\-]*?)(tool_call)([\w:.\-]*)>\s*\Z")
NAME = re.compile(r"[^\s<>{}\[\]\"'=`]*+")
PREFIX = Run(r"[\w|:.\-]{0,16}")
SUFFIX = Run(r"[\w:.\-]{0,24}")
NAMES = Run(r"[^\s<>{}\[\]\"'=`|]{1,80}")


class _Tags:
    def __init__(self, prefix: str, suffix: str) -> None:
        def tag(name: str, slash: str = "") -> str:
            return f"<{slash}{prefix}{name}{suffix}>"

        def pair(name: str) -> tuple[tuple[str, str], tuple[str, str]]:
            return (tag(name), f"<{name}>"), (tag(name, "/"), f"</{name}>")

        self.begin = (tag("tool_call"), "<tool_call>")
        self.end = (tag("tool_call", "/"), "</tool_call>")
        self.separator = tag("tool_sep")
        self.key = pair("arg_key")
        self.kind = pair("arg_type")
        self.value = pair("arg_value")


def read(source: Source, tools: Declared, opening: str) -> Wait[Found | None]:
    head = HEAD.search(opening)
    if head is None:
        return None
    tags = _Tags(head.group(2), head.group(4))
    yield from source.skip(SPACE)
    name = yield from source.skip(NAME)
    yield from source.skip(SPACE)
    yield from source.accept(tags.separator, ">")
    fence = yield from source.accept("```json", "```")
    yield from source.skip(SPACE)
    if name and (yield from source.peek()) == "{":
        value = yield from read_arguments(source, tags.end)
        yield from after(source, *(("```",) if fence else ()))
        yield from after(source, *tags.end)
        yield from after(source, *(closers_of(f"<{head.group(1)}>") if head.group(1) else ()))
        return None if isinstance(value, BadValue) else found([tools.call(name, value)])
    texts = yield from _read_arguments(source, tags) if name else _nothing()
    if texts is None:
        return None
    if head.group(1):
        yield from after(source, *closers_of(f"<{head.group(1)}>"))
    return found([tools.call_from_texts(name, list(texts.items()))])


def _nothing() -> Wait[None]:
    return None
    yield


def _read_arguments(source: Source, tags: _Tags) -> Wait[dict[str, str] | None]:
    """Key and value by turns; a tag may be missing between a key and its value."""
    texts: dict[str, str] = {}
    while True:
        yield from source.skip(SPACE)
        tag = yield from source.accept(*tags.end, *tags.key[0], *(tags.begin if texts else ()))
        if tag in tags.begin:  # the next call, and this one was not closed
            source.at -= len(tag)
        if tag not in tags.key[0]:
            return texts if tag else None
        key = yield from source.until(*tags.key[1])
        if key is None:
            return None
        yield from source.skip(SPACE)
        if (yield from source.accept(*tags.kind[0])):
            yield from source.until(*tags.kind[1])
            yield from source.skip(SPACE)
        yield from source.accept(*tags.value[0])
        text = yield from read_text(source, tags.value[1], (*tags.key[0], *tags.end, *tags.begin))
        if text is None:
            return None
        texts[key[0].strip()] = text


def _starts() -> tuple[Start, ...]:
    call: Start = ("<", PREFIX, "tool_call", SUFFIX, ">", SPACES)
    after_name: Start = (HERE, NAMES, SPACES, Run("[<{`>]"))
    around: Start = ("<", PREFIX, "tool_calls", SUFFIX, ">", SPACES)
    return ((*call, *after_name), (*around, *call, *after_name))


GRAMMAR = Grammar("glm", _starts(), read, ("glm", "ling", "ring", "hy3", "hunyuan-3", "poolside"))
