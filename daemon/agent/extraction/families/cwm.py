"""Code World Model: `<tool: NAME>`, and the one text that the tool takes, up to `</tool>`."""

from __future__ import annotations

from daemon.agent.extraction.declared import Declared
from daemon.agent.extraction.grammar import HERE, NAME, Grammar
from daemon.agent.extraction.jsoncalls import Found, found
from daemon.agent.extraction.source import NAME as NAME_RUN
from daemon.agent.extraction.source import Source, Wait

END = "</tool>"
ANY = "function"  # then the name stands before the text
UNKNOWN = "command"  # how the text is called where no tools were declared


def read(source: Source, tools: Declared, opening: str) -> Wait[Found | None]:
    """Only tools that take one text: there is no telling else what it would be."""
    name = yield from source.skip(NAME_RUN)
    if not (yield from source.accept(">")):
        return None
    body = yield from source.until(END)
    if body is None:
        return None
    text = body[0].strip()
    if name == ANY and not tools.sure(ANY):
        name, _, text = text.partition(" ")
    key = tools.code_key(name) if tools.known else UNKNOWN
    return found([tools.call(name, {key: text.strip()})]) if key else None


GRAMMAR = Grammar("cwm", (("<tool: ", HERE, NAME, ">"),), read, ("cwm",))
