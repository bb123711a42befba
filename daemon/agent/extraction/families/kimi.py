"""Kimi K2: `<|tool_call_begin|>functions.NAME:0<|tool_call_argument_begin|>{…}`."""

from __future__ import annotations

import re

from daemon.agent.extraction.declared import Declared
from daemon.agent.extraction.grammar import SPACES, Grammar
from daemon.agent.extraction.jsoncalls import Found, found, read_arguments
from daemon.agent.extraction.lenient import BadValue
from daemon.agent.extraction.shapes import Fault
from daemon.agent.extraction.source import HEADER_CHARS_MAX, Source, Wait
from daemon.agent.extraction.tagtext import after

SECTIONS = ("<|tool_calls_section_begin|>", "<|tool_call_section_begin|>")
CALL = "<|tool_call_begin|>"
ARGUMENTS = "<|tool_call_argument_begin|>"
END = ("<|tool_call_end|>",)
SECTION_END = ("<|tool_calls_section_end|>", "<|tool_call_section_end|>")
IDENTITY = re.compile(r"\s*(?:functions\.)?([\w.\-/]+):\d+\s*\Z")


def read(source: Source, tools: Declared, opening: str) -> Wait[Found | None]:
    header = yield from source.until(ARGUMENTS, limit=HEADER_CHARS_MAX)
    if header is None:
        return None
    identity = IDENTITY.match(header[0])
    plain = header[0].strip().removeprefix("functions.")
    if identity is None and not (tools.sure(plain) or (not tools.known and plain.isidentifier())):
        return None
    name = identity.group(1) if identity else plain
    value = yield from read_arguments(source, END)
    yield from after(source, *END)
    yield from after(source, *SECTION_END)
    if isinstance(value, BadValue):
        return Found(faults=(Fault(name, str(value)),))
    return found([tools.call(name, value)])


GRAMMAR = Grammar(
    "kimi",
    ((CALL,), *((section, SPACES, CALL) for section in SECTIONS)),
    read,
    ("kimi-k2", "kimi_k2"),
)
