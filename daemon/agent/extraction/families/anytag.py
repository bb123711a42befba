"""A family that is not known: JSON that is a call, in any tag that speaks of tools."""

from __future__ import annotations

import re

from daemon.agent.extraction.boxed import JSON
from daemon.agent.extraction.declared import Declared
from daemon.agent.extraction.grammar import HERE, SPACES, Grammar, Run
from daemon.agent.extraction.jsoncalls import Found, found, read_arguments, read_values, strict
from daemon.agent.extraction.lenient import BadValue
from daemon.agent.extraction.source import SPACE, Source, Wait
from daemon.agent.extraction.tagtext import after, closers_of

SPEAKS = re.compile(r"tool|func|call|action|plugin|invoke|command", re.IGNORECASE)
WRAPS = re.compile(r"<(?:response|json|xml|output|answer)>", re.IGNORECASE)  # of anything
ANY = Run(r"[\w:|｜./▁ \-]{1,40}")
ANY_SQUARE = Run(r"[A-Za-z_ ]{1,32}")


def likely(tools: Declared, opening: str) -> bool:
    if opening.startswith(("</", "[/")):
        return False
    return bool(SPEAKS.search(opening) or WRAPS.match(opening)) or tools.sure(_name(opening))


def _name(opening: str) -> str:
    return opening.strip()[1:-1].strip()


def read(source: Source, tools: Declared, opening: str) -> Wait[Found | None]:
    yield from source.skip(SPACE)
    closers = closers_of(opening) if opening.startswith("<") else ("[/" + opening.strip()[1:],)
    if tools.sure(_name(opening)) and (yield from source.peek()) == "{":
        value = yield from read_arguments(source, closers)
        yield from after(source, *closers)
        bad = isinstance(value, BadValue)
        return None if bad else found([tools.call(_name(opening), value)])
    bare = SPEAKS.search(opening) is None
    whole = yield from read_values(source, tools, closers, bare)
    return strict(whole) if bare and whole else whole


GRAMMAR = Grammar(
    "anytag",
    tuple(
        (*tag, SPACES, HERE, *json)
        for tag in (("<", ANY, ">"), ("[", ANY_SQUARE, "]"))
        for json in JSON
    ),
    read,
    likely=likely,
)
