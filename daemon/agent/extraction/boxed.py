"""The commonest grammar: an opening tag, calls as JSON, and perhaps a closing tag."""

from __future__ import annotations

from daemon.agent.extraction.declared import Declared
from daemon.agent.extraction.grammar import HERE, SPACES, Grammar, Start
from daemon.agent.extraction.jsoncalls import Found, read_values
from daemon.agent.extraction.source import SPACE, Source, Wait

JSON: tuple[Start, ...] = (("{",), ("[", SPACES, "{"))


def boxed(
    name: str, opens: tuple[str, ...], closes: tuple[str, ...], models: tuple[str, ...] = ()
) -> Grammar:
    def read(source: Source, tools: Declared, opening: str) -> Wait[Found | None]:
        yield from source.skip(SPACE)
        return (yield from read_values(source, tools, closes))

    starts = [(one, SPACES, HERE, *json) for one in opens for json in JSON]
    return Grammar(name, tuple(starts), read, models)
