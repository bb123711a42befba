"""Small models, whatever their family: a call as JSON in a fenced block.

A block in another language is content to its end: code that holds a call is no call.
"""

from __future__ import annotations

import re

from daemon.agent.extraction.declared import Declared
from daemon.agent.extraction.families import pythonic
from daemon.agent.extraction.grammar import LINE, SPACES, Grammar
from daemon.agent.extraction.jsoncalls import Found, found, read_arguments, read_values, strict
from daemon.agent.extraction.source import SPACE, Source, Wait

FENCE_END = "```"
LANGUAGE = re.compile(r"[\w+#.\-]*+")
MORE = re.compile(r"`*+")
BLANK = re.compile(r"[ \t]*+")
CALLS_IN = frozenset(
    [
        "json",
        "json5",
        "jsonc",
        "javascript",
        "js",
        "tool",
        "tool_call",
        "tool_calls",
        "tool_code",
        "tool_use",
        "function",
        "function_call",
        "call",
        "xml",
        "plaintext",
        "text",
    ]
)
PYTHON_IN = frozenset({"tool_code", "tool_call", "tool_calls"})


def read(source: Source, tools: Declared, opening: str) -> Wait[Found | None]:
    more = yield from source.skip(MORE)
    if more:  # a longer fence shows what stands in it, shorter fences too
        return Found(fenced=FENCE_END + more)
    word = yield from source.skip(LANGUAGE)
    language = word.lower()
    yield from source.skip(BLANK)
    if (yield from source.peek()) not in ("\n", "\r", "{", "["):
        return None
    opened = source.at
    named = yield from _read_named(source, tools, word)
    if named:
        return named
    source.at = opened
    if language and language not in CALLS_IN:
        source.fence_open = False
        return Found(fenced=FENCE_END)
    if source.fence_open and not language:
        source.fence_open = False
        return None
    yield from source.skip(SPACE)
    whole = yield from _read_calls(source, tools, language)
    if whole and whole.calls:
        return whole
    if (yield from _tag_at(source, opened)):
        source.fence_open = True
        source.at = opened
        return None
    source.at = opened
    return Found(fenced=FENCE_END, faults=whole.faults if whole else ())


def _read_named(source: Source, tools: Declared, name: str) -> Wait[Found | None]:
    """A block in the language of a tool: its arguments, and nothing else."""
    if not tools.sure(name):
        return None
    value = yield from read_arguments(source)
    yield from source.skip(SPACE)
    if not isinstance(value, dict) or not tools.takes(name, set(value)):
        return None
    return found([tools.call(name, value)]) if (yield from source.accept(FENCE_END)) else None


def _read_calls(source: Source, tools: Declared, language: str) -> Wait[Found | None]:
    char = yield from source.peek()
    if char in ("{", "["):
        whole = yield from read_values(source, tools, bare=True)
    elif language in PYTHON_IN:
        source.printed = language == "tool_code"
        whole = yield from pythonic.read_calls(source, tools)
    else:
        return None
    yield from source.skip(SPACE)
    if whole is None or ((yield from source.peek()) and not (yield from source.accept(FENCE_END))):
        return None
    return strict(whole)


def _tag_at(source: Source, opened: int) -> Wait[bool]:
    """Whether the block holds tags: then their own grammar reads them."""
    source.at = opened
    yield from source.skip(SPACE)
    return (yield from source.peek()) in ("<", "[")


GRAMMAR = Grammar(
    "fenced",
    (
        (LINE, FENCE_END),
        (LINE, "**Tool Call:**", SPACES, FENCE_END),  # RWKV
        (LINE, "Action:", SPACES, FENCE_END),  # LangChain's agents
        ("<tool_call>", SPACES, FENCE_END),
    ),
    read,
)
