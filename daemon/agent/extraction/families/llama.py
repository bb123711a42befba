"""Llama 3: `<|python_tag|>{…}; {…}`, or a built-in tool called as Python would."""

from __future__ import annotations

from daemon.agent.extraction.declared import Declared
from daemon.agent.extraction.families import pythonic
from daemon.agent.extraction.grammar import HERE, SPACES, Grammar, Run
from daemon.agent.extraction.jsoncalls import Found, found, read_values
from daemon.agent.extraction.source import SPACE, Source, Wait

INTERPRETERS = ("python", "ipython", "code_interpreter")
ENDS = ("<|eom_id|>", "<|eot_id|>")


def read(source: Source, tools: Declared, opening: str) -> Wait[Found | None]:
    yield from source.skip(SPACE)
    if (yield from source.peek()) in ("{", "["):
        return (yield from read_values(source, tools, ENDS))
    start = source.at
    source.printed = False
    called = yield from pythonic.read_calls(source, tools, ENDS)
    if called is not None and called.calls:
        return called
    end, source.at = source.at, start
    code = yield from _read_code(source, tools)
    source.at = source.at if code else end
    return code or called


def _read_code(source: Source, tools: Declared) -> Wait[Found | None]:
    """Code up to the end of the turn, for the tool that runs it, when one was declared."""
    for name in INTERPRETERS:
        key = tools.code_key(name)
        if key is not None:
            code = yield from source.rest(*ENDS)
            return found([tools.call(name, {key: code})])
    return None


GRAMMAR = Grammar(
    "llama", (("<|python_tag|>", SPACES, HERE, Run(r"[{\[\w]")),), read, ("llama", "nemotron")
)
