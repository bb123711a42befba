"""Calls in values: the shapes of JSON in which models name a tool and its arguments."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from daemon.agent.extraction import lenient, spans
from daemon.agent.extraction.declared import NOT_AN_OBJECT, Declared
from daemon.agent.extraction.lenient import BadValue
from daemon.agent.extraction.shapes import Call, Fault
from daemon.agent.extraction.source import SPACE, Source, Wait

NAMES = (
    "name",
    "tool_name",
    "function_name",
    "tool",
    "function",
    "action",
    "recipient_name",
    "method",
    "call",
)
ARGUMENTS = (
    "arguments",
    "parameters",
    "args",
    "params",
    "input",
    "tool_input",
    "action_input",
    "tool_args",
    "kwargs",
    "arguments_json",
)
LISTS = (
    "tool_calls",
    "function_calls",
    "tool_call",
    "function_call",
    "calls",
    "actions",
    "tool_uses",
    "toolCalls",
    "functionCalls",
    "functionCall",
    "toolUse",
)
BESIDE = frozenset(
    {"id", "type", "index", "call_id", "tool_call_id", "toolUseId", "thought", "reasoning"}
)
CALLS_MAX = 64


@dataclass(frozen=True)
class Found:
    """What a grammar read; no call in it means that it stays text."""

    calls: tuple[Call, ...] = ()
    faults: tuple[Fault, ...] = ()
    thinks: tuple[str, ...] = ()  # reasoning follows, up to one of these
    silent: bool = False  # markup without a call, not to be shown
    fenced: str = ""  # what follows up to this is content, whatever it holds


def found(results: list[Call | Fault]) -> Found:
    return Found(
        tuple(one for one in results if isinstance(one, Call)),
        tuple(one for one in results if isinstance(one, Fault)),
    )


def strict(whole: Found) -> Found:
    """For values without tags: one that is no call makes all of it text."""
    return whole if not whole.faults else Found(faults=whole.faults)


class NoCall(Exception):
    """The value has not the shape of a call."""


def calls_in(value: Any, tools: Declared, bare: bool = False) -> Iterator[Call | Fault]:
    """The calls that a value holds; NoCall when it holds anything else.

    `bare` asks for more: no tag said that this is a call, so nothing else may stand
    beside the name and the arguments, and both must be there.
    """
    if isinstance(value, list):
        for one in value:
            yield from calls_in(one, tools, bare)
        return
    if not isinstance(value, dict):
        raise NoCall
    for key in LISTS:
        inner = value.get(key)
        if isinstance(inner, list | dict):
            yield from calls_in(inner, tools, bare)
            return
    yield _call(value, tools, bare)


def _call(value: dict[str, Any], tools: Declared, bare: bool) -> Call | Fault:
    inner = value.get("function")
    if isinstance(inner, dict):
        value = inner
    name_key = next((key for key in NAMES if isinstance(value.get(key), str)), None)
    if name_key is None:
        return _keyed(value, tools, bare)
    arguments_key = next((key for key in ARGUMENTS if key in value), None)
    if bare and not (
        arguments_key and set(value) <= BESIDE | {name_key, arguments_key, "function"}
    ):
        raise NoCall
    name = tools.named(value[name_key])
    if _is_schema(value.get("parameters")) and not tools.takes(name, {"type"}):
        raise NoCall
    if arguments_key is None and not (tools.sure(name) or name_key == "tool_name"):
        raise NoCall
    try:
        arguments = _object(value.get(arguments_key) if arguments_key else None)
    except BadValue as fault:
        inside = str(value[arguments_key]).lstrip() if arguments_key else ""
        return Fault(name, str(fault) if inside.startswith("{") else NOT_AN_OBJECT)
    return tools.call(name, arguments)


def _is_schema(value: Any) -> bool:
    """A tool that is described, as in the prompt, and not called."""
    return isinstance(value, dict) and value.get("type") == "object"


def _keyed(value: dict[str, Any], tools: Declared, bare: bool) -> Call | Fault:
    """`{"tool": {arguments}}`, within tags only."""
    if bare or len(value) != 1:
        raise NoCall
    ((name, arguments),) = value.items()
    if not isinstance(arguments, dict) or not tools.has(name):
        raise NoCall
    return tools.call(name, arguments)


def _object(arguments: Any) -> Any:
    if arguments is None or arguments == "" or arguments == []:
        return {}
    if isinstance(arguments, str):
        inner = lenient.parse(arguments)
        return {} if inner is None else inner
    return arguments


BETWEEN = re.compile(r"[\s,;]*+")
BETWEEN_TAGGED = re.compile(r"[\s,;}\]]*+")  # a bracket too many is passed over inside tags


def read_values(
    source: Source, tools: Declared, closers: tuple[str, ...] = (), bare: bool = False
) -> Wait[Found | None]:
    """Read values, one or several in a row, as calls, and a closer; None when one is no call."""
    results: list[Call | Fault] = []
    while True:
        one = yield from _read_value(source, tools, closers, bare)
        if one is None or len(results) > CALLS_MAX:
            return None
        results += one
        after = source.at
        yield from source.skip(BETWEEN_TAGGED if closers else BETWEEN)
        if closers and (yield from source.accept(*closers)):
            return found(results)
        if (yield from source.peek()) not in ("{", "["):
            source.at = after
            return found(results)


def _read_value(
    source: Source, tools: Declared, closers: tuple[str, ...], bare: bool
) -> Wait[list[Call | Fault] | None]:
    span = yield from spans.value(source)
    if span is None:
        return None
    if span.missing and not (yield from closes_here(source, closers)):
        return None
    try:
        return list(calls_in(lenient.parse(span.text + span.missing), tools, bare))
    except NoCall:
        return None
    except BadValue as fault:
        return None if bare else [Fault("", str(fault))]


def closes_here(source: Source, closers: tuple[str, ...]) -> Wait[bool]:
    """Whether a closing tag stands here: it proves that the model ended the call."""
    here = source.at
    yield from source.skip(SPACE)
    closed = bool(closers) and bool((yield from source.accept(*closers)))
    source.at = here
    return closed


def read_arguments(source: Source, closers: tuple[str, ...] = ()) -> Wait[object | BadValue]:
    """Read one object of arguments; BadValue (returned) when there is none."""
    yield from source.skip(SPACE)
    if (yield from source.peek()) != "{":
        return BadValue("no arguments")
    span = yield from spans.value(source)
    if span is None or (span.missing and not (yield from closes_here(source, closers))):
        return BadValue("the arguments do not end")
    try:
        value: object = lenient.parse(span.text + span.missing)
    except BadValue as fault:
        return fault
    return value
