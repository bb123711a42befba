"""Mistral: `[TOOL_CALLS][{…}]`, and later `[TOOL_CALLS]NAME[ARGS]{…}`."""

from __future__ import annotations

from daemon.agent.extraction.declared import Declared
from daemon.agent.extraction.grammar import HERE, SPACES, Grammar, Run
from daemon.agent.extraction.jsoncalls import Found, found, read_arguments, read_values
from daemon.agent.extraction.lenient import BadValue
from daemon.agent.extraction.shapes import Fault
from daemon.agent.extraction.source import HEADER_CHARS_MAX, NAME, SPACE, Source, Wait
from daemon.agent.extraction.tagtext import after

ENDS = ("[/TOOL_CALLS]", "</s>", "[TOOL_CALLS_END]")


def read(source: Source, tools: Declared, opening: str) -> Wait[Found | None]:
    yield from source.skip(SPACE)
    if (yield from source.peek()) in ("[", "{"):
        return (yield from read_values(source, tools, ENDS))
    name = yield from source.skip(NAME)
    yield from source.skip(SPACE)
    if (yield from source.accept("[CALL_ID]")):
        if (yield from source.until("[ARGS]", limit=HEADER_CHARS_MAX)) is None:
            return None
    else:
        yield from source.accept("[ARGS]")
    if not name or (yield from source.peek()) not in ("{", " ", "\n"):
        return None
    value = yield from read_arguments(source, ENDS)
    yield from after(source, *ENDS)
    if isinstance(value, BadValue):
        return Found(faults=(Fault(name, str(value)),))
    return found([tools.call(name, value)])


GRAMMAR = Grammar(
    "mistral",
    (("[TOOL_CALLS]", SPACES, HERE, Run(r"[\[{\w]")),),
    read,
    ("mistral", "ministral", "magistral", "devstral", "codestral", "mixtral"),
)
