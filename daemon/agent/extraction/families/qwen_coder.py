"""Qwen3 Coder, Seed-OSS, Nemotron 3, Step 3.5, Llama: `<function=NAME><parameter=KEY>…`."""

from __future__ import annotations

from daemon.agent.extraction.declared import Declared
from daemon.agent.extraction.grammar import HERE, SPACES, TAG, Grammar
from daemon.agent.extraction.jsoncalls import Found, found, read_arguments
from daemon.agent.extraction.lenient import BadValue
from daemon.agent.extraction.shapes import Fault
from daemon.agent.extraction.source import HEADER_CHARS_MAX, SPACE, Source, Wait
from daemon.agent.extraction.tagtext import after, closers_of, read_text

ENDS = ("</function>", "</tool_call>")
OPEN = "<parameter="
CLOSES = ("</parameter>",)


def read(source: Source, tools: Declared, opening: str) -> Wait[Found | None]:
    wrapper = opening.removesuffix("<function=").strip()
    outer = (*(closers_of(wrapper) if wrapper else ()), "</tool_call>")
    header = yield from source.until(">", limit=HEADER_CHARS_MAX)
    if header is None:
        return None
    name = header[0].strip().strip("\"'")
    yield from source.skip(SPACE)
    if (yield from source.peek()) == "{":
        value = yield from read_arguments(source, ENDS)
        yield from after(source, "</function>")
        yield from after(source, *outer)
        fault = isinstance(value, BadValue)
        return found([Fault(name, str(value)) if fault else tools.call(name, value)])
    texts = yield from _read_parameters(source, outer)
    if texts is None or not name:
        return None
    yield from after(source, *outer)
    return found([tools.call_from_texts(name, texts)])


def _read_parameters(source: Source, outer: tuple[str, ...]) -> Wait[list[tuple[str, str]] | None]:
    texts: list[tuple[str, str]] = []
    nexts = (OPEN, *ENDS, *outer)
    while True:
        yield from source.skip(SPACE)
        here = source.at
        tag = yield from source.accept(*nexts)
        if tag != OPEN:
            if tag != "</function>":
                source.at = here
            return texts if tag else None
        key = yield from source.until(">", limit=HEADER_CHARS_MAX)
        text = (yield from read_text(source, CLOSES, nexts)) if key else None
        if key is None or text is None:
            return None
        texts.append((key[0].strip().strip("\"'"), text))


GRAMMAR = Grammar(
    "qwen_coder",
    (("<function=",), ("<", TAG, ">", SPACES, "<function=")),
    read,
    ("qwen3-coder", "qwen3.5", "seed-oss", "nemotron-3", "step-3.5", "stepfun3.5"),
)
__all__ = ["GRAMMAR", "HERE"]
