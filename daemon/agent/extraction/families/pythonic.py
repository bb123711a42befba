"""Llama 4, LFM2, OLMo 3, ToolACE, Gemma 3: calls as Python writes them, with literals only."""

from __future__ import annotations

import re

from daemon.agent.extraction import spans
from daemon.agent.extraction.declared import Declared
from daemon.agent.extraction.escapes import unescape
from daemon.agent.extraction.grammar import HERE, LINE, NAME, SPACES, Grammar, Run, Start
from daemon.agent.extraction.jsoncalls import CALLS_MAX, Found, found, strict
from daemon.agent.extraction.lenient import BadValue, Lenient
from daemon.agent.extraction.shapes import Call, Fault
from daemon.agent.extraction.source import NAME as NAME_RUN
from daemon.agent.extraction.source import SPACE, Source, Wait

BETWEEN = re.compile(r"[\s,;]*+")
WRAPPERS = {
    "<|python_start|>": "<|python_end|>",
    "<|tool_call_start|>": "<|tool_call_end|>",
    "<|tool_call_start|>\n```python": "```\n<|tool_call_end|>",  # MiniCPM 3
    "<|tool_call_begin|>": "<|tool_call_end|>",
    "<<function>>": "<<end>>",  # Gorilla's functions end with the text
    "<function_calls>": "</function_calls>",
    "<function_call>": "</function_call>",
    "<tool_call>": "</tool_call>",
    "<tool_calls>": "</tool_calls>",
    "<tool_code>": "</tool_code>",
}
NEXT_ARGUMENT = re.compile(r"(?:\A|,)\s*+([A-Za-z_]\w*+)\s*+=(?!=)\s*+")
PRINTED = frozenset({"<tool_code>"})  # as Gemma 3 prints what its calls return
BEFORE_BARE = re.compile(r"[\w\[\])`]")


def read(source: Source, tools: Declared, opening: str) -> Wait[Found | None]:
    wrapper = opening.strip().removesuffix("[").strip()
    if not wrapper:
        return (yield from _read_bare(source, tools))
    source.at -= opening.endswith("[")
    source.printed = wrapper in PRINTED
    return (yield from read_calls(source, tools, (WRAPPERS[wrapper],)))


def _read_bare(source: Source, tools: Declared) -> Wait[Found | None]:
    """A list without a tag around it; an index or a link of Markdown is none."""
    if source.block and BEFORE_BARE.match(source.text, source.block - 1):
        return None
    source.at = source.block
    source.printed = False
    whole = yield from read_calls(source, tools)
    if whole is None or (yield from source.peek()) in ("(", "`"):
        return None
    return strict(whole)


def read_head(source: Source, tools: Declared, opening: str) -> Wait[Found | None]:
    """A text that is calls of declared tools and nothing else."""
    if not tools.known and not source.hinted:
        return None
    source.printed = False
    yield from source.skip(SPACE)
    whole = yield from read_calls(source, tools)
    yield from source.skip(SPACE)
    if whole is None or (yield from source.peek()):
        return None
    return strict(whole)


def read_calls(
    source: Source, tools: Declared, closers: tuple[str, ...] = ()
) -> Wait[Found | None]:
    """`[f(a=1), g()]` or `f(a=1)`, several with only space, commas or semicolons between."""
    results: list[Call | Fault] = []
    yield from source.skip(SPACE)
    bracket = bool((yield from source.accept("[")))
    while len(results) < CALLS_MAX:
        yield from source.skip(SPACE)
        begun = source.at
        one = yield from _read_call(source, tools)
        if one is None and closers and not results:
            source.at = begun
            return (yield from _read_unescaped(source, tools, closers))
        if one is None:
            return None
        results.append(one)
        after = source.at
        yield from source.skip(BETWEEN)
        if bracket and (yield from source.accept("]")):
            yield from _close(source, closers)
            return found(results)
        if not bracket and (yield from _ended(source, closers, after)):
            return found(results)
    return None


def _ended(source: Source, closers: tuple[str, ...], after: int) -> Wait[bool]:
    if closers and (yield from source.accept(*closers)):
        return True
    char = yield from source.peek()
    if char and (char.isidentifier() or not char.strip()):
        return False
    source.at = after
    return True


def _close(source: Source, closers: tuple[str, ...]) -> Wait[None]:
    here = source.at
    yield from source.skip(SPACE)
    if not closers or not (yield from source.accept(*closers)):
        source.at = here


def _read_call(source: Source, tools: Declared) -> Wait[Call | Fault | None]:
    name = (yield from source.skip(NAME_RUN)).removesuffix(".call")
    if not name or (yield from source.peek()) != "(":
        return None
    if name == "print" and source.printed and not tools.sure(name):
        source.at += 1
        inner = yield from _read_call(source, tools)
        yield from source.skip(SPACE)
        return inner if (yield from source.accept(")")) else None
    span = yield from spans.value(source)
    if span is None or span.missing:
        return None
    try:
        listed, named = Lenient(span.text[1:-1], bare=False).arguments()
    except BadValue:
        return None
    if listed:
        placed = tools.positional(name, listed)
        if placed is None or set(placed) & set(named):
            return Fault(name, "arguments without names")
        named = {**placed, **named}
    return tools.call(name, named)


def _read_unescaped(
    source: Source, tools: Declared, closers: tuple[str, ...]
) -> Wait[Found | None]:
    """One call up to its closing tag, whose strings hold quotes that nobody escaped."""
    name = yield from source.skip(NAME_RUN)
    whole = yield from source.until(*closers)
    body = whole[0].strip().removesuffix("]").rstrip() if whole else ""
    if not name or body[:1] != "(" or body[-1:] != ")":
        return None
    named: dict[str, object] = {}
    for key, value in _unescaped_pairs(body[1:-1].strip()):
        quote = value[:1]
        if len(value) > 1 and quote in ("'", '"') and value[-1] == quote:
            named[key] = unescape(value[1:-1])
            continue
        try:
            named[key] = Lenient(value, bare=False).whole()
        except BadValue:
            return None
    return found([tools.call(name, named)]) if named else None


def _unescaped_pairs(text: str) -> list[tuple[str, str]]:
    """What is quoted goes on until its quote stands right before the next argument."""
    pairs: list[tuple[str, str]] = []
    key, begun = "", 0
    for one in NEXT_ARGUMENT.finditer(text):
        quote = text[begun : begun + 1]
        inside = quote in ("'", '"') and text[one.start() - 1] != quote
        if key and inside:
            continue
        if key:
            pairs.append((key, text[begun : one.start()].strip()))
        elif one.start() > 0:
            return []
        key, begun = one.group(1), one.end()
    return [*pairs, (key, text[begun:].strip())] if key else []


STARTS: tuple[Start, ...] = (
    ("[", SPACES, HERE, NAME, "("),
    *((wrapper, SPACES, HERE, NAME, "(") for wrapper in WRAPPERS),
    *((wrapper, SPACES, "[", HERE, SPACES, NAME, "(") for wrapper in WRAPPERS),
)
GRAMMAR = Grammar(
    "pythonic", STARTS, read, ("llama-4", "llama4", "lfm2", "toolace", "pythonic", "watt-tool")
)
BARE_LINES = Grammar("olmo", (), read, ("olmo", "granite"), read_head)
__all__ = ["BARE_LINES", "GRAMMAR", "LINE", "Run", "read_calls"]
