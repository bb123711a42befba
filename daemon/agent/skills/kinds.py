"""The types that a parameter may have, read from source without executing it."""

from __future__ import annotations

import ast
import functools
import operator
from typing import Any, Literal

PLAIN: dict[str, Any] = {
    "str": str,
    "int": int,
    "float": float,
    "bool": bool,
    "list": list[Any],
    "tuple": list[Any],
    "set": list[Any],
    "dict": dict[str, Any],
    "Any": Any,
    "None": None,
    "Path": str,
}
LISTS = frozenset({"list", "List", "tuple", "Tuple", "set", "Set", "Sequence", "Iterable"})
DICTS = frozenset({"dict", "Dict", "Mapping"})
DEPTH_MAX = 8
FORMS = "use str, int, float, bool, list, dict, Literal or one of these | None"


class NoKind(Exception):
    """An annotation that cannot be told to a model; the message says which."""


def kind_of(node: ast.expr, depth: int = DEPTH_MAX) -> Any:
    """The type that `node` annotates. Raises NoKind."""
    if depth == 0:
        raise NoKind("the type is nested too deep")
    match node:
        case ast.Constant(value=None):
            return None
        case ast.Constant(value=str(text)):
            return kind_of(_parsed(text), depth - 1)
        case ast.Name() | ast.Attribute():
            name = _name(node)
            if name in PLAIN:
                return PLAIN[name]
        case ast.BinOp(op=ast.BitOr()):
            return kind_of(node.left, depth - 1) | kind_of(node.right, depth - 1)
        case ast.Subscript():
            return _subscript(_name(node.value), node.slice, depth - 1)
    raise NoKind(f"{ast.unparse(node)} is no type for a tool: {FORMS}")


def _parsed(text: str) -> ast.expr:
    try:
        return ast.parse(text, mode="eval").body
    except SyntaxError:
        raise NoKind(f"{text!r} is no type") from None


def _name(node: ast.expr) -> str:
    """The last part: `typing.Optional` and `Optional` are one."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _subscript(name: str, inner: ast.expr, depth: int) -> Any:
    several = inner.elts if isinstance(inner, ast.Tuple) else [inner]
    if name in LISTS:
        return list[kind_of(several[0], depth)]  # type: ignore[misc]
    if name in DICTS and len(several) == 2:
        return dict[str, kind_of(several[1], depth)]  # type: ignore[misc]
    if name == "Optional":
        return kind_of(several[0], depth) | None
    if name == "Union":
        return functools.reduce(operator.or_, (kind_of(one, depth) for one in several))
    if name == "Annotated":
        return kind_of(several[0], depth)
    if name == "Literal" and all(isinstance(one, ast.Constant) for one in several):
        return Literal[tuple(one.value for one in several if isinstance(one, ast.Constant))]
    raise NoKind(f"{name or 'that'}[…] is no type for a tool: {FORMS}")
