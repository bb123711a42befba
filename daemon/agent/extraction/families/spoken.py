"""Small models that were taught in words: `TOOL: NAME ARGUMENTS: {…}`, `Action: NAME`."""

from __future__ import annotations

from daemon.agent.extraction.declared import Declared
from daemon.agent.extraction.grammar import LINE, Grammar, Start
from daemon.agent.extraction.jsoncalls import Found, found, read_arguments, strict
from daemon.agent.extraction.lenient import BadValue
from daemon.agent.extraction.source import NAME as NAME_RUN
from daemon.agent.extraction.source import SPACE, Source, Wait
from daemon.agent.extraction.tagtext import after

WORDS = (
    "ARGUMENTS:",
    "Arguments:",
    "arguments:",
    "ARGS:",
    "Args:",
    "PARAMETERS:",
    "Parameters:",
    "INPUT:",
    "Input:",
    "Action Input:",
    "Tool Input:",
)
BOLD = "**"
OPENS = (
    "TOOL:",
    "Tool:",
    "TOOL_CALL:",
    "Tool call:",
    "FUNCTION:",
    "Function:",
    "Action:",
    "ACTION:",
)


def read(source: Source, tools: Declared, opening: str) -> Wait[Found | None]:
    yield from source.skip(SPACE)
    quote = yield from source.accept("`", '"', "**")
    name = yield from source.skip(NAME_RUN)
    if quote:
        yield from source.accept(quote)
    yield from source.skip(SPACE)
    if not (yield from source.accept(*WORDS, *(f"{BOLD}{one}{BOLD}" for one in WORDS))):
        return None
    yield from source.skip(SPACE)
    fence = yield from source.accept("```json", "```")
    value = yield from read_arguments(source)
    if isinstance(value, BadValue):
        return None
    if fence:
        yield from after(source, "```")
    return strict(found([tools.call(name, value)]))


STARTS: tuple[Start, ...] = (
    *((LINE, word) for word in OPENS),
    *((LINE, f"{BOLD}{word}{BOLD}") for word in OPENS),
)
GRAMMAR = Grammar("spoken", STARTS, read)
