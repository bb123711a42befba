"""Coding agents' prompts: an element named like the tool, its arguments within."""

from __future__ import annotations

from daemon.agent.extraction.declared import Declared
from daemon.agent.extraction.families.named import read_elements
from daemon.agent.extraction.grammar import HERE, NAME, SPACES, Grammar
from daemon.agent.extraction.jsoncalls import Found, found
from daemon.agent.extraction.source import Source, Wait


def likely(tools: Declared, opening: str) -> bool:
    """Only declared names: any other element is text."""
    return tools.sure(opening.strip()[1:-1])


def read(source: Source, tools: Declared, opening: str) -> Wait[Found | None]:
    name = opening.strip()[1:-1]
    end = f"</{name}>"
    texts = yield from read_elements(source, end)
    if not texts or not tools.takes(name, {key for key, _ in texts}):
        return None
    return found([tools.call_from_texts(name, texts)])


GRAMMAR = Grammar(
    "element",
    (("<", NAME, ">", SPACES, HERE, "<"),),
    read,
    likely=likely,
)
