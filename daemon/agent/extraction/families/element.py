"""Coding agents' prompts: an element named like the tool, its arguments within."""

from __future__ import annotations

from daemon.agent.extraction.declared import Declared
from daemon.agent.extraction.families.named import read_elements
from daemon.agent.extraction.grammar import HERE, NAME, SPACES, Grammar
from daemon.agent.extraction.jsoncalls import Found, found, read_arguments
from daemon.agent.extraction.lenient import BadValue
from daemon.agent.extraction.source import SPACE, Source, Wait
from daemon.agent.extraction.tagtext import after


def likely(tools: Declared, opening: str) -> bool:
    """Only declared names: any other element is text."""
    return tools.sure(opening.strip()[1:-1])


def read(source: Source, tools: Declared, opening: str) -> Wait[Found | None]:
    name = opening.strip()[1:-1]
    end = f"</{name}>"
    yield from source.skip(SPACE)
    if (yield from source.peek()) == "{":
        value = yield from read_arguments(source, (end,))
        yield from after(source, end)
        return None if isinstance(value, BadValue) else found([tools.call(name, value)])
    texts = yield from read_elements(source, end)
    return found([tools.call_from_texts(name, texts)]) if texts is not None else None


GRAMMAR = Grammar(
    "element",
    (("<", NAME, ">", SPACES, HERE, "<"), ("<", NAME, ">", SPACES, HERE, "{")),
    read,
    likely=likely,
)
