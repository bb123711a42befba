"""Llama 3: `<|python_tag|>{…}; {…}`, or a built-in tool called as Python would."""

from __future__ import annotations

from daemon.agent.extraction.declared import Declared
from daemon.agent.extraction.families import pythonic
from daemon.agent.extraction.grammar import HERE, SPACES, Grammar, Run
from daemon.agent.extraction.jsoncalls import Found, read_values
from daemon.agent.extraction.source import SPACE, Source, Wait

ENDS = ("<|eom_id|>", "<|eot_id|>")


def read(source: Source, tools: Declared, opening: str) -> Wait[Found | None]:
    yield from source.skip(SPACE)
    if (yield from source.peek()) in ("{", "["):
        return (yield from read_values(source, tools, ENDS))
    return (yield from pythonic.read_calls(source, tools, ENDS))


GRAMMAR = Grammar(
    "llama", (("<|python_tag|>", SPACES, HERE, Run(r"[{\[\w]")),), read, ("llama", "nemotron")
)
