"""Functionary and GLM 4: the tool's name on a line, the arguments as JSON on the next."""

from __future__ import annotations

from daemon.agent.extraction.declared import Declared
from daemon.agent.extraction.grammar import HERE, NAME, Grammar
from daemon.agent.extraction.jsoncalls import Found, found, read_arguments
from daemon.agent.extraction.lenient import BadValue
from daemon.agent.extraction.source import NAME as NAME_RUN
from daemon.agent.extraction.source import Source, Wait

TO_ALL = "all"


def read(source: Source, tools: Declared, opening: str) -> Wait[Found | None]:
    name = yield from source.skip(NAME_RUN)
    if not (yield from source.accept("\n")):
        return None
    if name == TO_ALL:
        return Found(silent=True)
    marked = source.hinted or bool(opening)
    if not tools.sure(name) and not (marked and tools.has(name)):
        return None
    if (yield from source.peek()) != "{":
        return (yield from _read_code(source, tools, name))
    value = yield from read_arguments(source)
    return None if isinstance(value, BadValue) else found([tools.call(name, value)])


def _read_code(source: Source, tools: Declared, name: str) -> Wait[Found | None]:
    """The code itself, for the tool that takes nothing else; only a known writer does so."""
    key = tools.code_key(name)
    if key is None or not source.hinted:
        return None
    code = yield from source.rest("\n>>>")
    return found([tools.call(name, {key: code})])


def read_head(source: Source, tools: Declared, opening: str) -> Wait[Found | None]:
    found_one = yield from read(source, tools, opening)
    return found_one if source.hinted or (found_one and found_one.calls) else None


GRAMMAR = Grammar(
    "functionary",
    ((">>>", HERE, NAME, "\n"),),
    read,
    ("functionary", "glm-4-9b"),
    read_head,
)
