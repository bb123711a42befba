"""GPT-OSS and Muse: `<|channel|>commentary to=functions.NAME<|message|>{…}<|call|>`."""

from __future__ import annotations

import re

from daemon.agent.extraction.declared import Declared
from daemon.agent.extraction.grammar import Grammar
from daemon.agent.extraction.jsoncalls import Found, found, read_arguments
from daemon.agent.extraction.lenient import BadValue
from daemon.agent.extraction.shapes import Fault
from daemon.agent.extraction.source import HEADER_CHARS_MAX, SPACE, Source, Wait
from daemon.agent.extraction.tagtext import after

MESSAGE = "<|message|>"
ENDS = ("<|call|>", "<|end|>", "<|return|>", "<|eom|>", "<|eot|>")
THOUGHT_ENDS = (*ENDS, "<|start|>", "<|channel|>")
RECIPIENT = re.compile(r"\bto=([^\s<]+)")
CHANNEL = re.compile(r"<\|channel\|>\s*(\w+)")
BUILT_IN = frozenset({"python", "browser", "container"})
STARTS_HERE = (" to=", "to=", "commentary to=", "analysis to=", "assistant to=")
NOBODY = frozenset({"user", "assistant", "all", "self"})


def read(source: Source, tools: Declared, opening: str) -> Wait[Found | None]:
    header = yield from source.until(MESSAGE, limit=HEADER_CHARS_MAX)
    if header is None:
        return None
    recipient = RECIPIENT.search(opening + header[0])
    channels = CHANNEL.findall(opening + header[0])
    to = recipient.group(1) if recipient else "user"
    if to == "self" or (to in NOBODY and channels[-1:] == ["analysis"]):
        return Found(thinks=THOUGHT_ENDS)
    if to in NOBODY:
        return Found(silent=True)
    return (yield from _read_call(source, tools, to))


def _read_call(source: Source, tools: Declared, to: str) -> Wait[Found | None]:
    name = to if tools.sure(to) else to.removeprefix("functions.")
    plain = not tools.known and to.isidentifier() and to not in BUILT_IN
    if name == to and not tools.sure(to) and not plain:
        # A tool that is built into the model, and was not declared to it.
        return Found(faults=(Fault(to, "there is no such tool"),))
    yield from source.skip(SPACE)
    if (yield from source.peek()) == "<":
        return Found(silent=True)  # another grammar's tags follow
    key = tools.code_key(name)
    if key is not None and (yield from source.peek()) != "{":
        code = yield from source.rest(*ENDS)
        return found([tools.call(name, {key: code})])
    value = yield from read_arguments(source, ENDS)
    yield from after(source, *ENDS)
    if isinstance(value, BadValue):
        return Found(faults=(Fault(name, str(value)),))
    return found([tools.call(name, value)])


def read_head(source: Source, tools: Declared, opening: str) -> Wait[Found | None]:
    """The template wrote `<|start|>assistant`, and the model goes on with the recipient."""
    begun = yield from source.accept(*STARTS_HERE)
    return (yield from read(source, tools, "to=")) if begun else None


GRAMMAR = Grammar(
    "harmony", (("<|channel|>",), ("<|start|>",)), read, ("gpt-oss", "muse"), read_head
)
