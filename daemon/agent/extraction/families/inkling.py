"""Inkling: `<|message_model|>NAME<|content_invoke_tool_json|>{…}<|end_message|>`."""

from __future__ import annotations

from daemon.agent.extraction.declared import Declared
from daemon.agent.extraction.grammar import HERE, NAME, SPACES, Grammar, Run
from daemon.agent.extraction.jsoncalls import Found, read_values
from daemon.agent.extraction.source import SPACE, Source, Wait

INVOKE = "<|content_invoke_tool_json|>"


def read(source: Source, tools: Declared, opening: str) -> Wait[Found | None]:
    yield from source.skip(SPACE)
    return (yield from read_values(source, tools, ("<|end_message|>",)))


GRAMMAR = Grammar(
    "inkling",
    (
        (INVOKE, SPACES, HERE, Run("[{]")),
        ("<|message_model|>", NAME, INVOKE, SPACES, HERE, Run("[{]")),
    ),
    read,
    ("inkling",),
)
