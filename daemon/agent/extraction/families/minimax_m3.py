"""MiniMax M3: tags behind a token of their own, arguments as nested elements."""

from __future__ import annotations

from typing import Any

from daemon.agent.extraction.declared import EMPTY, Declared, Schema, typed, types_of
from daemon.agent.extraction.grammar import HERE, SPACES, Grammar
from daemon.agent.extraction.jsoncalls import Found, found
from daemon.agent.extraction.lenient import DEPTH_MAX, BadValue
from daemon.agent.extraction.shapes import Call, Fault
from daemon.agent.extraction.source import HEADER_CHARS_MAX, SPACE, Source, Wait
from daemon.agent.extraction.tagtext import attributes

TOKEN = "]<]minimax[>["
WRAP = (f"{TOKEN}<tool_call>", f"{TOKEN}</tool_call>")
INVOKE = (f"{TOKEN}<invoke", f"{TOKEN}</invoke>")
ITEM = "item"


def read(source: Source, tools: Declared, opening: str) -> Wait[Found | None]:
    results: list[Call | Fault] = []
    while True:
        yield from source.skip(SPACE)
        tag = yield from source.accept(INVOKE[0], WRAP[1])
        if tag == WRAP[1]:
            return found(results)
        one = (yield from _read_call(source, tools)) if tag else None
        if one is None:
            return None
        results.append(one)


def _read_call(source: Source, tools: Declared) -> Wait[Call | Fault | None]:
    header = yield from source.until(">", limit=HEADER_CHARS_MAX)
    name = attributes(header[0]).get("name") if header else None
    if not name:
        return None
    parameters = tools.parameters.get(name, EMPTY)
    try:
        value = yield from _read_value(source, INVOKE[1], parameters, 0)
    except BadValue as fault:
        return Fault(name, str(fault))
    return tools.call(name, {} if value == "" else value) if value is not None else None


def _read_value(source: Source, end: str, schema: Schema, depth: int) -> Wait[Any]:
    """What stands before `end`: elements make an object or a list, anything else is text.

    Where a text is admitted, as one type of several too, elements are a part of it: so do the
    servers of this family, who cannot tell a text with tags in it from an object.
    """
    start = source.at
    types = types_of(schema)
    if "string" in types:
        text = yield from source.until(end)
        return (text[0] if types == {"string"} else _leaf(text[0], schema)) if text else None
    yield from source.skip(SPACE)
    if depth > DEPTH_MAX:
        return None
    pairs: list[tuple[str, Any]] = []
    while (yield from source.peek(len(TOKEN))) == TOKEN:
        if (yield from source.accept(end)):
            return _shaped(pairs) if pairs else ""
        if not (yield from source.accept(TOKEN + "<")):
            return None
        tag = yield from source.until(">", limit=HEADER_CHARS_MAX)
        if tag is None:
            return None
        inner = _child(schema, tag[0])
        value = yield from _read_value(source, f"{TOKEN}</{tag[0]}>", inner, depth + 1)
        if value is None:
            return None
        pairs.append((tag[0], value))
        yield from source.skip(SPACE)
    if pairs:
        return None
    source.at = start
    text = yield from source.until(end)
    return _leaf(text[0], schema) if text else None


class _Null:
    """Stands for null while None says that nothing could be read."""


def _leaf(text: str, schema: Schema) -> Any:
    value = typed(text, schema)
    return _Null if value is None else value


def _shaped(pairs: list[tuple[str, Any]]) -> Any:
    values = [(key, None if value is _Null else value) for key, value in pairs]
    if all(key == ITEM for key, _ in values):
        return [value for _, value in values]
    return dict(values)


def _child(schema: Schema, key: str) -> Schema:
    if key == ITEM and isinstance(schema.get("items"), dict):
        return schema["items"]  # type: ignore[no-any-return]
    properties = schema.get("properties")
    found_one = properties.get(key) if isinstance(properties, dict) else None
    return found_one if isinstance(found_one, dict) else EMPTY


GRAMMAR = Grammar("minimax_m3", ((WRAP[0], SPACES, HERE, INVOKE[0]),), read, ("minimax-m3",))
