"""A family that is not known: JSON that is a call, in any tag that speaks of tools."""

from __future__ import annotations

import re

from daemon.agent.extraction.boxed import JSON
from daemon.agent.extraction.declared import Declared
from daemon.agent.extraction.grammar import HERE, SPACES, Grammar, Run
from daemon.agent.extraction.jsoncalls import Found, read_values
from daemon.agent.extraction.source import SPACE, Source, Wait
from daemon.agent.extraction.tagtext import closers_of

SPEAKS = re.compile(r"tool|func|call|action|plugin|invoke|command", re.IGNORECASE)
ANY = Run(r"[\w:|｜./▁ \-]{1,40}+")
ANY_SQUARE = Run(r"[A-Za-z_ ]{1,32}+")


def likely(tools: Declared, opening: str) -> bool:
    return SPEAKS.search(opening) is not None and not opening.startswith(("</", "[/"))


def read(source: Source, tools: Declared, opening: str) -> Wait[Found | None]:
    yield from source.skip(SPACE)
    closers = closers_of(opening) if opening.startswith("<") else ("[/" + opening.strip()[1:],)
    return (yield from read_values(source, tools, closers))


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
