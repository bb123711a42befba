"""Families that put marks around the name and around the arguments: PLaMo, old Qwen, Yandex."""

from __future__ import annotations

from dataclasses import dataclass

from daemon.agent.extraction.declared import Declared
from daemon.agent.extraction.grammar import HERE, NAME, SPACES, Grammar, Start
from daemon.agent.extraction.jsoncalls import Found, found, read_arguments
from daemon.agent.extraction.lenient import BadValue
from daemon.agent.extraction.source import NAME as NAME_RUN
from daemon.agent.extraction.source import SPACE, Source, Wait
from daemon.agent.extraction.tagtext import after


@dataclass(frozen=True)
class Frame:
    """`between` are the marks that may stand after the name, each one needed in its order."""

    begin: str
    between: tuple[tuple[str, ...], ...]
    end: tuple[tuple[str, ...], ...] = ()
    before: tuple[str, ...] = ()  # marks that may stand before it, and mean nothing


PLAMO = "<|plamo:{}_tool_{}:plamo|>"
FRAMES = (
    Frame(
        PLAMO.format("begin", "name"),
        (
            (PLAMO.format("end", "name"),),
            (PLAMO.format("begin", "arguments"),),
            ("<|plamo:msg|>", ""),
        ),
        tuple(
            (PLAMO.format("end", one), "<|plamo:op|>")
            for one in ("arguments", "request", "requests")
        ),
        (PLAMO.format("begin", "requests"), PLAMO.format("begin", "request")),
    ),
    Frame("✿FUNCTION✿:", (("✿ARGS✿:",),), (("✿RESULT✿:", "✿RESULT✿", "✿RETURN✿"),)),
    Frame("[TOOL_CALL_START]", ()),
    Frame("<|recipient|>", (("<|content|>",),), (("<|stop|>",),), ("<|from|>assistant",)),
    Frame("<tool>", (("</tool>",), ("<args>", "<tool_input>")), (("</args>", "</tool_input>"),)),
    Frame("<action>", (("</action>",), ("<action_input>",)), (("</action_input>",),)),
    Frame(
        "to=functions.",
        (("<|constrain|>json", "json", "code", ""), ("<|message|>", "")),
        before=("<tool_call>",),
    ),
)
BY_BEGIN = {frame.begin: frame for frame in FRAMES}


def read(source: Source, tools: Declared, opening: str) -> Wait[Found | None]:
    frame = next(one for one in FRAMES if opening.rstrip().endswith(one.begin))
    name = yield from source.skip(NAME_RUN)
    for marks in frame.between:
        yield from source.skip(SPACE)
        wanted = [one for one in marks if one]
        if not (yield from source.accept(*wanted)) and "" not in marks:
            return None
    value = yield from read_arguments(source)
    if isinstance(value, BadValue):
        return None
    for marks in frame.end:
        yield from after(source, *marks)
    return found([tools.call(name, value)])


def _starts() -> tuple[Start, ...]:
    starts: list[Start] = []
    for frame in FRAMES:
        begin: Start = (frame.begin, SPACES, HERE, NAME)
        starts.append(begin)
        for mark in reversed(frame.before):
            begin = (mark, SPACES, *begin)
            starts.append(begin)
    return tuple(starts)


def likely(tools: Declared, opening: str) -> bool:
    return tools.known or not opening.startswith("to=")


GRAMMAR = Grammar("framed", _starts(), read, ("plamo", "qwen-", "baichuan"), likely=likely)
