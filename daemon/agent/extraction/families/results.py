"""What a model imagined a tool to answer: text to the end of it, and never a call."""

from __future__ import annotations

from daemon.agent.extraction.declared import Declared
from daemon.agent.extraction.grammar import Grammar
from daemon.agent.extraction.jsoncalls import Found
from daemon.agent.extraction.source import Source, Wait

TAGS = (
    "tool_response",
    "tool_responses",
    "tool_result",
    "tool_results",
    "tool_output",
    "function_response",
    "function_result",
    "function_results",
    "observation",
)


def read(source: Source, tools: Declared, opening: str) -> Wait[Found | None]:
    return Found(fenced="</" + opening[1:])
    yield


GRAMMAR = Grammar("results", tuple((f"<{tag}>",) for tag in TAGS), read)
