"""Kimi K3: `<|open|>call tool="NAME"<|sep|>`, then arguments with a key and a type, or JSON."""

from __future__ import annotations

from daemon.agent.extraction.declared import Declared
from daemon.agent.extraction.grammar import SPACES, Grammar
from daemon.agent.extraction.jsoncalls import Found, found, read_arguments
from daemon.agent.extraction.lenient import BadValue
from daemon.agent.extraction.shapes import Call, Fault
from daemon.agent.extraction.source import HEADER_CHARS_MAX, SPACE, Source, Wait
from daemon.agent.extraction.tagtext import after, attributes

SEPARATOR = "<|sep|>"
CALL = "<|open|>call"
TOOLS = "<|open|>tools<|sep|>"
END = "<|close|>call<|sep|>"
TOOLS_END = "<|close|>tools<|sep|>"
ARGUMENT = "<|open|>argument"
ARGUMENT_END = "<|close|>argument<|sep|>"
JSON = "<|open|>json"
JSON_END = "<|close|>json<|sep|>"


def read(source: Source, tools: Declared, opening: str) -> Wait[Found | None]:
    header = yield from source.until(SEPARATOR, limit=HEADER_CHARS_MAX)
    given = attributes(header[0]) if header else {}
    name = given.get("tool") or given.get("name")
    if not name:
        return None
    one = yield from _read_body(source, tools, name)
    yield from after(source, TOOLS_END)
    return found([one]) if one else None


def _read_body(source: Source, tools: Declared, name: str) -> Wait[Call | Fault | None]:
    texts: list[tuple[str, str]] = []
    strings: dict[str, str] = {}
    while True:
        yield from source.skip(SPACE)
        tag = yield from source.accept(END, ARGUMENT, JSON)
        if tag == END:
            one = tools.call_from_texts(name, texts)
            return Call(name, {**one.arguments, **strings}) if isinstance(one, Call) else one
        header = yield from source.until(SEPARATOR, limit=HEADER_CHARS_MAX)
        if not tag or header is None:
            return None
        if tag == JSON:
            value = yield from read_arguments(source, (JSON_END,))
            yield from after(source, JSON_END)
            yield from after(source, END)
            bad = isinstance(value, BadValue)
            return Fault(name, str(value)) if bad else tools.call(name, value)
        given = attributes(header[0])
        text = yield from source.until(ARGUMENT_END)
        if text is None or "key" not in given:
            return None
        if given.get("type") == "string":
            strings[given["key"]] = text[0]
        else:
            texts.append((given["key"], text[0]))


GRAMMAR = Grammar("kimi_k3", ((CALL,), (TOOLS, SPACES, CALL)), read, ("kimi-k3", "kimi_k3"))
