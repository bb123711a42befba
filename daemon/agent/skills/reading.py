"""A skill as its source tells it: name, purpose, arguments; or why it cannot be one."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from docstring_parser import ParseError, parse
from pydantic import Field, create_model

from daemon.agent.skills.kinds import NoKind, kind_of
from daemon.agent.tools.tool import Arguments

NAME = re.compile(r"[a-z][a-z0-9_]{0,47}")
SOURCE_CHARS_MAX = 64 * 2**10
PARAMETERS_MAX = 16
PURPOSE_CHARS_MAX = 300
DECORATOR = "tool"
Function = ast.FunctionDef | ast.AsyncFunctionDef


class Unfit(Exception):
    """Why a source is no skill; one sentence, for its author."""


@dataclass(frozen=True)
class Skill:
    """`function` is what is called in the source, `name` what models call."""

    name: str
    function: str
    purpose: str
    arguments: type[Arguments]
    source: str


def skills_in(source: str) -> list[Skill]:
    """Every function that is marked with @tool. Raises Unfit for the first that cannot be one."""
    found = [_skill(node, source) for node in _functions(_tree(source)) if _mark(node) is not None]
    if not found:
        raise Unfit("no function is marked with @tool")
    return found


def promoted(source: str) -> Skill:
    """The one function that shall be a skill, its source in canonical form. Raises Unfit.

    Canonical: imports, constants, classes and functions as the formatter of Python's own
    tree writes them, the function marked, nothing that runs when the module is loaded.
    """
    tree = _tree(source)
    marked = [node for node in _functions(tree) if _mark(node) is not None]
    chosen = marked or [node for node in _functions(tree) if not node.name.startswith("_")]
    if len(chosen) != 1:
        names = ", ".join(node.name for node in chosen) or "none"
        raise Unfit(f"one function becomes a skill, and here is: {names}; mark one with @tool")
    if not marked:
        chosen[0].decorator_list.insert(0, ast.Name(DECORATOR, ast.Load()))
    tree.body = [node for node in tree.body if _still(node)]
    text = ast.unparse(ast.fix_missing_locations(tree)) + "\n"
    return skills_in(text)[0]


def _still(node: ast.stmt) -> bool:
    """Whether loading this does nothing but define."""
    if isinstance(node, ast.Assign | ast.AnnAssign):
        return node.value is None or not any(
            isinstance(inner, ast.Call | ast.Await) for inner in ast.walk(node.value)
        )
    defines = (ast.Import, ast.ImportFrom, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return isinstance(node, defines)


def _tree(source: str) -> ast.Module:
    if len(source) > SOURCE_CHARS_MAX:
        raise Unfit(f"the source has more than {SOURCE_CHARS_MAX} characters")
    try:
        return ast.parse(source)
    except SyntaxError as error:
        raise Unfit(f"line {error.lineno}: {error.msg}") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise Unfit(f"the source cannot be read: {type(error).__name__}") from None


def _functions(tree: ast.Module) -> Iterator[Function]:
    yield from (node for node in tree.body if isinstance(node, Function))


def _mark(node: Function) -> dict[str, Any] | None:
    """What its @tool says: `{}` for a bare one, None when there is none."""
    for one in node.decorator_list:
        called = one.func if isinstance(one, ast.Call) else one
        last = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
        if last == DECORATOR:
            return _said(one) if isinstance(one, ast.Call) else {}
    return None


def _said(call: ast.Call) -> dict[str, Any]:
    """`@tool("name")`, `@tool(name=…, description=…)`."""
    said = {key.arg: key.value for key in call.keywords if key.arg in ("name", "description")}
    if call.args:
        said["name"] = call.args[0]
    return {str(key): value.value for key, value in said.items() if isinstance(value, ast.Constant)}


def _skill(node: Function, source: str) -> Skill:
    mark = _mark(node) or {}
    name = str(mark.get("name") or node.name)
    if not NAME.fullmatch(name):
        raise Unfit(f"{name}: a tool's name has small letters, digits and _")
    documented = ast.get_docstring(node) or ""
    if not documented:
        raise Unfit(f"{name} has no docstring, and a model must know what it is for")
    try:
        said = parse(documented)
    except ParseError as error:
        raise Unfit(f"{name}: the docstring cannot be read: {error}") from None
    purpose = str(mark.get("description") or said.short_description or documented)
    words = {one.arg_name: one.description or "" for one in said.params}
    arguments = _arguments(node, name, words)
    return Skill(name, node.name, purpose[:PURPOSE_CHARS_MAX], arguments, source)


def _arguments(node: Function, name: str, words: dict[str, str]) -> type[Arguments]:
    given = node.args
    if given.vararg or given.kwarg or given.posonlyargs:
        raise Unfit(f"{name}: parameters are named ones; *, ** and / cannot be told to a model")
    every = [*given.args, *given.kwonlyargs]
    if len(every) > PARAMETERS_MAX:
        raise Unfit(f"{name} has more than {PARAMETERS_MAX} parameters")
    missing: list[ast.expr | None] = [None] * (len(given.args) - len(given.defaults))
    defaults = [*missing, *given.defaults, *given.kw_defaults]
    fields = {
        one.arg: _field(f"{name}: {one.arg}", one, default, words.get(one.arg, ""))
        for one, default in zip(every, defaults, strict=True)
    }
    try:
        made: type[Arguments] = create_model(name, __base__=Arguments, **fields)  # type: ignore[call-overload]
    except (NameError, TypeError, ValueError) as error:
        raise Unfit(f"{name}: {error}") from None
    return made


def _field(where: str, one: ast.arg, default: ast.expr | None, words: str) -> tuple[Any, Any]:
    if one.annotation is None:
        raise Unfit(f"{where} has no type")
    try:
        kind = kind_of(one.annotation)
    except (NoKind, TypeError) as error:
        raise Unfit(f"{where}: {error}") from None
    if default is None:
        return kind, Field(description=words or None)
    try:
        value = ast.literal_eval(default)
    except (ValueError, TypeError, SyntaxError, MemoryError):
        raise Unfit(f"{where}: the default is no plain value") from None
    return kind, Field(default=value, description=words or None)
