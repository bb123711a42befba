"""The tools that were declared: their names, and the types that their schemas give."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from daemon.agent.extraction import lenient
from daemon.agent.extraction.lenient import BadValue
from daemon.agent.extraction.shapes import Call, Fault

Schema = Mapping[str, Any]
NAME = re.compile(r"[\w][\w.:/\-]{0,127}\Z")
NAME_IN_TAG = re.compile(r"\w[^\n<>{}]{0,127}\Z")  # a tag of its own may name anything
INTEGER = re.compile(r"[+-]?\d+\Z")
BOOLEANS = {"true": True, "false": False}
EMPTY: Schema = {}
REFERENCES_MAX = 8
NAMESPACE = "functions."
NOT_AN_OBJECT = "the arguments are not an object"
WRAPPERS = frozenset({"arguments", "parameters", "args", "params", "input"})


class Declared:
    """`tools` are OpenAI schemas; None says that they are not known, and any name may be one."""

    def __init__(self, tools: Sequence[Mapping[str, Any]] | None) -> None:
        self.known = tools is not None
        self.parameters: dict[str, Schema] = {}
        for tool in tools or ():
            inner = tool.get("function", tool)
            if isinstance(inner, Mapping) and isinstance(inner.get("name"), str):
                self.parameters[inner["name"]] = _mapping(
                    inner.get("parameters") or inner.get("input_schema")
                )

    def has(self, name: str) -> bool:
        return name in self.parameters if self.known else NAME.match(name) is not None

    def sure(self, name: str) -> bool:
        """Whether `name` was declared, not merely possible."""
        return name in self.parameters

    def named(self, name: str) -> str:
        """Without the space of names that OpenAI's models put before it."""
        short = name.strip().removeprefix(NAMESPACE)
        return short if not self.sure(name) and self.has(short) else name

    def call(self, name: str, arguments: object) -> Call | Fault:
        name = self.named(name)
        if not self.has(name):
            return Fault(name, "there is no such tool")
        if not isinstance(arguments, dict):
            return Fault(name, NOT_AN_OBJECT)
        return Call(name, arguments)

    def call_from_texts(self, name: str, texts: Sequence[tuple[str, str]]) -> Call | Fault:
        """A call whose arguments are bare texts, typed by the schema, else by their look."""
        name = self.named(name)
        if not (self.has(name) or (not self.known and NAME_IN_TAG.match(name))):
            return Fault(name, "there is no such tool")
        try:
            typed = {key: self.typed(name, key, text) for key, text in texts}
            return Call(name, self._unwrapped(name, typed))
        except BadValue as fault:
            return Fault(name, str(fault))

    def _unwrapped(self, name: str, typed: dict[str, Any]) -> dict[str, Any]:
        """Arguments that all stand in one called so, where the schema knows no such one."""
        if len(typed) == 1 and self.sure(name):
            ((key, value),) = typed.items()
            if key in WRAPPERS and isinstance(value, dict) and not self.takes(name, {key}):
                return value
        return typed

    def positional(self, name: str, listed: Sequence[Any]) -> dict[str, Any] | None:
        """Arguments without names take those of the schema, in its order."""
        keys = list(_mapping(self.parameters.get(name, EMPTY).get("properties")))
        return dict(zip(keys, listed, strict=False)) if len(listed) <= len(keys) else None

    def code_key(self, name: str) -> str | None:
        """The argument of a tool that takes code or text, and nothing else."""
        keys = list(_mapping(self.parameters.get(name, EMPTY).get("properties")))
        return (
            keys[0]
            if len(keys) == 1 and types_of(self._schema(name, keys[0])) <= {"string"}
            else None
        )

    def takes(self, name: str, keys: set[str]) -> bool:
        return keys <= set(_mapping(self.parameters.get(name, EMPTY).get("properties")))

    def _schema(self, name: str, key: str) -> object:
        return _mapping(self.parameters.get(name, EMPTY).get("properties")).get(key)

    def typed(self, name: str, key: str, text: str) -> Any:
        parameters = self.parameters.get(name, EMPTY)
        return typed(text, self._schema(name, key), parameters)


def typed(text: str, schema: object, root: Schema = EMPTY) -> Any:
    """`text` as the first of the schema's types that it can be; without one, as it looks."""
    text = text.removeprefix("\n").removesuffix("\n")
    types = types_of(schema, root)
    if types == {"string"}:
        return text
    bare = text.strip()
    if "null" in types and bare.lower() in ("null", "none"):
        return None
    if "boolean" in types and bare.lower() in BOOLEANS:
        return BOOLEANS[bare.lower()]
    if types & {"integer", "number"} and INTEGER.match(bare):
        return lenient.integer(bare)
    if types & {"object", "array"} and bare[:1] in ("{", "["):
        return _lenient(bare, text)
    if "number" in types:
        return _exact(bare, text)
    return text if types else _guessed(bare, text)


def types_of(schema: object, root: Schema = EMPTY, steps: int = REFERENCES_MAX) -> set[str]:
    """The names of the types that a schema allows; empty when it does not say."""
    schema = _mapping(schema)
    if steps == 0:
        return set()
    found: set[str] = set()
    reference = schema.get("$ref")
    if isinstance(reference, str):
        for place in ("$defs", "definitions"):
            target = _mapping(root.get(place)).get(reference.rpartition("/")[2])
            found |= types_of(target, root, steps - 1)
    kinds = schema.get("type")
    listed = kinds if isinstance(kinds, list) else [kinds]
    found |= {NAMES.get(one, one) for one in listed if isinstance(one, str)}
    for key in ("anyOf", "oneOf", "allOf"):
        several = schema.get(key)
        for one in several if isinstance(several, list) else []:
            found |= types_of(one, root, steps - 1)
    if not found and ("enum" in schema or "const" in schema):
        values = schema.get("enum", [schema.get("const")])
        found = {_type_name(one) for one in values} if isinstance(values, list) else set()
    return found


NAMES = {
    "str": "string",
    "text": "string",
    "int": "integer",
    "float": "number",
    "double": "number",
    "bool": "boolean",
    "dict": "object",
    "list": "array",
}


def _type_name(one: object) -> str:
    if isinstance(one, bool):
        return "boolean"
    kinds = {str: "string", int: "integer", float: "number", type(None): "null"}
    return kinds.get(type(one), "object")


def _guessed(bare: str, text: str) -> Any:
    if bare[:1] in ("{", "["):
        return _lenient(bare, text)
    if bare in lenient.WORDS:
        return lenient.WORDS[bare]
    return _exact(bare, text) if bare[:1] != '"' else text


def _exact(bare: str, text: str) -> Any:
    try:
        return lenient.parse_exact(bare)
    except BadValue:
        return text


def _lenient(bare: str, text: str) -> Any:
    try:
        return lenient.parse(bare)
    except BadValue:
        return text


def _mapping(value: object) -> Schema:
    return value if isinstance(value, Mapping) else EMPTY
