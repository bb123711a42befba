"""A reply that holds some functions of a Python file, put where they belong in the whole file."""

from __future__ import annotations

import ast
import io
import re
import textwrap
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
DEFINES = (*FUNCTIONS, ast.ClassDef)
IMPORTS = (ast.Import, ast.ImportFrom)
DEFINED = re.compile(r"^(?:async )?(?:def|class) (\w+)", re.MULTILINE)


def merged(before: str, reply: str, in_parts: bool) -> str:
    """The whole file that the reply stands for: what it leaves out of a Python file stays.

    It leaves something out when it lacks names; unless, where the whole was asked for and not
    parts, it begins as the file does.
    """
    old, new = parsed(before), parsed(reply)
    if old is None or new is None:
        return reply
    if _holds(old, new) or not (in_parts or _begins_otherwise(old, new)):
        return reply
    whole = _Merge(_lines(before), _lines(reply))
    whole.take(old, new, old)
    return whole.text()


def without(text: str, names: Collection[str]) -> str:
    """The file without these functions of its top level; as it is when it is no Python.

    Empty when only imports would be left.
    """
    body = parsed(text)
    if body is None:
        return text
    gone = [node for node in body if isinstance(node, FUNCTIONS) and node.name in names]
    if all(node in gone or isinstance(node, IMPORTS) for node in body):
        return ""
    lines = _lines(text)
    for node in reversed(gone):
        del lines[_first_line(node) : node.end_lineno]
    return "".join(lines).rstrip("\n") + "\n"


def parsed(text: str) -> list[ast.stmt] | None:
    """Its statements; None when it is no Python."""
    try:
        return ast.parse(text).body
    except (SyntaxError, ValueError):
        return None


def keeps(before: str, after: str) -> bool:
    """Whether what the one defines is in the other too, be it Python or not yet."""
    return set(DEFINED.findall(before)) <= set(DEFINED.findall(after))


def _lines(text: str) -> list[str]:
    """As Python counts them: a form feed ends none."""
    return io.StringIO(text, newline="").readlines()


def _holds(old: Sequence[ast.stmt], new: Sequence[ast.stmt]) -> bool:
    return _names(old).keys() <= _names(new).keys()


def _begins_otherwise(old: Sequence[ast.stmt], new: Sequence[ast.stmt]) -> bool:
    return bool(new) and ast.dump(old[0]) != ast.dump(new[0])


def _name(node: ast.stmt) -> str:
    if isinstance(node, DEFINES):
        return node.name
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    only = targets[0] if len(targets) == 1 else None
    return only.id if isinstance(only, ast.Name) else ""


def _names(body: Sequence[ast.stmt]) -> dict[str, ast.stmt]:
    return {name: node for node in body if (name := _name(node))}


def _methods(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield from (one for one in node.body if isinstance(one, FUNCTIONS))


def _first_line(node: ast.stmt) -> int:
    decorators = node.decorator_list if isinstance(node, DEFINES) else []
    return min([node.lineno, *(one.lineno for one in decorators)]) - 1


@dataclass
class _Merge:
    """`edits` are (first line, line behind the last, new text), in no order."""

    old: list[str]
    new: list[str]
    edits: list[tuple[int, int, str]] = field(default_factory=list)

    def take(
        self, old: Sequence[ast.stmt], new: Sequence[ast.stmt], among: Sequence[ast.stmt]
    ) -> None:
        """The statements of one body; `among` is where a method that stands alone is looked for."""
        known, defined = _names(old), False
        for node in new:
            there = known.get(_name(node)) or self._method(node, among)
            defined = defined or isinstance(node, DEFINES)
            if there is not None:
                self._replace(there, node)
            elif isinstance(node, DEFINES) or (_name(node) and not defined):
                self._add(node, old)  # a name given behind functions is an example of their use
        self._import(old, [node for node in new if isinstance(node, IMPORTS)])

    def _replace(self, there: ast.stmt, node: ast.stmt) -> None:
        if (
            isinstance(there, ast.ClassDef)
            and isinstance(node, ast.ClassDef)
            and not _holds(there.body, node.body)
        ):
            self.take(there.body, node.body, ())
        else:
            text = self._source(node, there.col_offset)
            self.edits.append((_first_line(there), there.end_lineno or 0, text))

    def text(self) -> str:
        lines = list(self.old)
        self.edits.sort(key=lambda one: one[:2])
        for first, behind, text in reversed(self.edits):  # so that numbers of lines stay true
            lines[first:behind] = [text]
        return "".join(lines)

    def _method(self, node: ast.stmt, among: Sequence[ast.stmt]) -> ast.stmt | None:
        """The only method of that name, for a function that takes what a method takes."""
        if not isinstance(node, FUNCTIONS) or not node.args.args:
            return None
        found = [one for one in _methods(among) if _name(one) == node.name]
        is_one = node.args.args[0].arg in ("self", "cls") and len(found) == 1
        return found[0] if is_one else None

    def _source(self, node: ast.stmt, indent: int) -> str:
        text = "".join(self.new[_first_line(node) : node.end_lineno]).rstrip("\n") + "\n"
        if node.col_offset != indent:  # else texts of several lines stay as they are
            text = textwrap.indent(textwrap.dedent(text), " " * indent)
        return text

    def _add(self, node: ast.stmt, body: Sequence[ast.stmt]) -> None:
        """What is new: constants before all that is defined, functions behind it."""
        indent = body[0].col_offset
        text, blank = self._source(node, indent), "\n" if indent else "\n\n"
        defined = [one for one in body if isinstance(one, DEFINES)] or body[-1:]
        if isinstance(node, DEFINES):
            at, text = defined[-1].end_lineno or 0, blank + text
        else:
            at, text = _first_line(defined[0]), text + blank
        self.edits.append((at, at, text))

    def _import(self, body: Sequence[ast.stmt], wanted: Sequence[ast.stmt]) -> None:
        """Below the others; where there is none, below what the file says of itself."""
        there = [node for node in body if isinstance(node, IMPORTS)]
        known = {ast.unparse(node) for node in there}
        fresh = [text for node in wanted if (text := ast.unparse(node)) not in known]
        is_said = isinstance(body[0], ast.Expr)
        above = there[-1] if there else body[0] if is_said else None
        at = (above.end_lineno or 0) if above is not None else 0
        if fresh:
            self.edits.append((at, at, "".join(f"{text}\n" for text in fresh)))
