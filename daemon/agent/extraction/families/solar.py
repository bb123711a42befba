"""Solar Open: `<|tool_call:begin|>ID<|tool_call:name|>NAME<|tool_call:args|>{…}`."""

from __future__ import annotations

from daemon.agent.extraction.declared import Declared
from daemon.agent.extraction.grammar import SPACES, Grammar
from daemon.agent.extraction.jsoncalls import Found, found, read_arguments
from daemon.agent.extraction.lenient import BadValue
from daemon.agent.extraction.shapes import Fault
from daemon.agent.extraction.source import HEADER_CHARS_MAX, Source, Wait
from daemon.agent.extraction.tagtext import after

BEGIN = "<|tool_call:begin|>"
END = ("<|tool_call:end|>",)


def read(source: Source, tools: Declared, opening: str) -> Wait[Found | None]:
    if (yield from source.until("<|tool_call:name|>", limit=HEADER_CHARS_MAX)) is None:
        return None
    name = yield from source.until("<|tool_call:args|>", limit=HEADER_CHARS_MAX)
    if name is None:
        return None
    value = yield from read_arguments(source, END)
    yield from after(source, *END)
    yield from after(source, "<|calls|>")
    if isinstance(value, BadValue):
        return Found(faults=(Fault(name[0], str(value)),))
    return found([tools.call(name[0].strip(), value)])


GRAMMAR = Grammar("solar", ((BEGIN,), ("<|tool_calls|>", SPACES, BEGIN)), read, ("solar",))
