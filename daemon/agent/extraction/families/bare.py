"""xLAM, Llama 3 and small models: calls as JSON with nothing around them."""

from __future__ import annotations

import re

from daemon.agent.extraction.declared import Declared
from daemon.agent.extraction.grammar import HERE, SPACES, Grammar, Run, Start
from daemon.agent.extraction.jsoncalls import (
    ARGUMENTS,
    BESIDE,
    LISTS,
    NAMES,
    Found,
    read_values,
    strict,
)
from daemon.agent.extraction.source import Source, Wait

QUOTE = Run("[\"']?")
KEY_END = Run("[\"' \t:]")
MESSAGE = ("role", "content")  # of OpenAI's, with calls beside them
CLINGS = re.compile(r"[\w`\"'(=\\]")


def read(source: Source, tools: Declared, opening: str) -> Wait[Found | None]:
    """In prose only declared names count; without declarations, only lines of their own."""
    start = source.block
    if start and CLINGS.match(source.text, start - 1):
        return None
    if not tools.known and not source.on_a_line_of_its_own():
        return None
    source.at = start
    whole = yield from read_values(source, tools, bare=True)
    if whole is None or (yield from source.peek()) == "`":
        return None
    return strict(whole)


def _starts() -> tuple[Start, ...]:
    keys = dict.fromkeys((*NAMES, *ARGUMENTS, *LISTS, *sorted(BESIDE), *MESSAGE))
    objects: list[Start] = [("{", SPACES, HERE, QUOTE, key, KEY_END) for key in keys]
    lists: list[Start] = [("[", SPACES, "{", HERE, *start[1:2], *start[3:]) for start in objects]
    return (*objects, *lists)


GRAMMAR = Grammar("bare", _starts(), read, ("xlam", "llama"))
