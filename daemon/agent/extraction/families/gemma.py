"""Gemma 4 and FunctionGemma: `<|tool_call>call:NAME{key:<|"|>text<|"|>}<tool_call|>`.

Without its first token it counts only where its texts are marked.
"""

from __future__ import annotations

from daemon.agent.extraction import spans
from daemon.agent.extraction.declared import Declared
from daemon.agent.extraction.grammar import HERE, LINE, SPACES, Grammar
from daemon.agent.extraction.grammar import NAME as GRAMMAR_NAME
from daemon.agent.extraction.jsoncalls import Found, found
from daemon.agent.extraction.lenient import BadValue, Lenient
from daemon.agent.extraction.shapes import Fault
from daemon.agent.extraction.source import NAME, SPACE, Source, Wait
from daemon.agent.extraction.tagtext import after

MARKS = ('<|"|>', "<escape>")
ENDS = ("<tool_call|>", "<end_function_call>")
BARE = ("call:", "<call>")


def read(source: Source, tools: Declared, opening: str) -> Wait[Found | None]:
    yield from source.skip(SPACE)
    yield from source.accept("call")
    yield from source.accept(":")
    name = yield from source.skip(NAME)
    yield from source.skip(SPACE)
    if not name or (yield from source.peek()) != "{":
        return None
    text = yield from spans.marked(source, MARKS)
    if text is None:
        return None
    if opening in BARE and not (tools.has(name) and any(mark in text for mark in MARKS)):
        return None
    yield from after(source, *ENDS)
    try:
        return found([tools.call(name, Lenient(text, MARKS).whole())])
    except BadValue as fault:
        return Found(faults=(Fault(name, str(fault)),))


GRAMMAR = Grammar(
    "gemma",
    (
        ("<|tool_call>", SPACES, "call:"),
        ("<|tool_call>", SPACES, ":"),
        ("<start_function_call>",),
        *((LINE, one, HERE, GRAMMAR_NAME, "{") for one in BARE),
    ),
    read,
    ("gemma",),
)
