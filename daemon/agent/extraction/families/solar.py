"""Solar Open: `<|tool_call:begin|>ID<|tool_call:name|>NAME<|tool_call:args|>{…}`.

Solar Open 2: `<|tool_call:start|>NAME`, and on lines of their own
`<|tool_arg:start|>KEY<|tool_arg:value|>text<|tool_arg:end|>`.
"""

from __future__ import annotations

from daemon.agent.extraction.declared import Declared
from daemon.agent.extraction.grammar import SPACES, Grammar
from daemon.agent.extraction.jsoncalls import Found, found, read_arguments
from daemon.agent.extraction.lenient import BadValue
from daemon.agent.extraction.shapes import Fault
from daemon.agent.extraction.source import HEADER_CHARS_MAX, SPACE, Source, Wait
from daemon.agent.extraction.tagtext import after, read_text

BEGIN = "<|tool_call:begin|>"
END = ("<|tool_call:end|>",)
BEGIN_2 = "<|tool_call:start|>"
KEY, VALUE, VALUE_END = "<|tool_arg:start|>", "<|tool_arg:value|>", "<|tool_arg:end|>"


def read(source: Source, tools: Declared, opening: str) -> Wait[Found | None]:
    if (yield from source.until("<|tool_call:name|>", limit=HEADER_CHARS_MAX)) is None:
        return None
    name = yield from source.until("<|tool_call:args|>", limit=HEADER_CHARS_MAX)
    if name is None:
        return None
    value = yield from read_arguments(source, END)
    yield from after(source, *END)
    yield from after(source, "<|calls|>")
    if isinstance(value, BadValue):
        return Found(faults=(Fault(name[0], str(value)),))
    return found([tools.call(name[0].strip(), value)])


GRAMMAR = Grammar("solar", ((BEGIN,), ("<|tool_calls|>", SPACES, BEGIN)), read, ("solar",))


def read_2(source: Source, tools: Declared, opening: str) -> Wait[Found | None]:
    name = yield from source.until("\n", limit=HEADER_CHARS_MAX)
    texts = (yield from _read_arguments(source)) if name else None
    if name is None or texts is None or not name[0].strip():
        return None
    return found([tools.call_from_texts(name[0].strip(), texts)])


def _read_arguments(source: Source) -> Wait[list[tuple[str, str]] | None]:
    """Up to the call's end, or to the next call's beginning."""
    texts: list[tuple[str, str]] = []
    while True:
        yield from source.skip(SPACE)
        tag = yield from source.accept(KEY, *END, BEGIN_2)
        if tag != KEY:
            source.at -= len(tag) if tag == BEGIN_2 else 0
            return texts if tag else None
        key = yield from source.until(VALUE, limit=HEADER_CHARS_MAX)
        text = (yield from read_text(source, (VALUE_END,), (KEY, *END, BEGIN_2))) if key else None
        if key is None or text is None:
            return None
        texts.append((key[0].strip(), text))


GRAMMAR_2 = Grammar("solar_2", ((BEGIN_2,),), read_2, ("solar-open-2", "solar-open2"))
