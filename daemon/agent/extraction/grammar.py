"""A grammar: how one family begins a call, and how the call is read from there.

A beginning is written as atoms, and two expressions are made of it: one that finds it,
and one that finds the tail of a text that may still become it. What neither finds can
go to the reader at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from daemon.agent.extraction.declared import Declared
from daemon.agent.extraction.jsoncalls import Found
from daemon.agent.extraction.source import Source, Wait

Read = Callable[[Source, Declared, str], Wait[Found | None]]
Likely = Callable[[Declared, str], bool]


@dataclass(frozen=True)
class Run:
    """One character of a class, or a bounded run of them."""

    expression: str


@dataclass(frozen=True)
class Line:
    """Nothing but the start of a line, or the end of a tag, may stand before the beginning."""


SPACES = Run(r"\s{0,32}")
BARS = Run("[|｜]")
GAP = Run(r"[▁_ \\]{1,2}")
LINE_BEFORE = r"(?<![^\n>].)"
HERE = Run("")  # what follows is looked at, and not taken
LINE = Line()
TAG = Run(r"[\w:|｜.\-]{1,40}")
NAME = Run(r"[\w.\-]{1,80}")
Atom = str | Run | Line
Start = tuple[Atom, ...]
START_CHARS_MAX = 400


@dataclass(frozen=True)
class Grammar:
    """`models` are parts of model names; `head` is tried once, where the text begins."""

    name: str
    starts: tuple[Start, ...]
    read: Read
    models: tuple[str, ...] = ()
    head: Read | None = None
    likely: Likely | None = None  # a cheap look at the opening, before anything is read


Beginning = tuple[re.Match[str], Grammar]


@dataclass
class _Node:
    children: dict[str, _Node] = field(default_factory=dict)
    leaf: Grammar | None = None


class Openers:
    """All beginnings of some grammars as two expressions over the text."""

    def __init__(self, grammars: Sequence[Grammar]) -> None:
        root = _Node()
        for grammar in grammars:
            for start in grammar.starts:
                self._plant(root, start, grammar)
        self._order: list[Grammar] = []
        self._full = re.compile(self._expression(root), re.DOTALL)
        self._partial = re.compile(_partial(root), re.DOTALL)

    def find(self, source: Source, tools: Declared | None = None) -> Beginning | None:
        """The first beginning from the cursor on; None as long as an earlier one may come."""
        text, at = source.text, source.at
        while True:
            found = self._full.search(text, at)
            if found is None or found.lastindex is None:
                return None
            grammar = self._order[found.lastindex - 1]
            at = found.start()
            if not grammar.likely or not tools or grammar.likely(tools, found.group()):
                break
            at += 1
        tail = len(text) - START_CHARS_MAX
        if not source.closed and at >= tail and self.sure_to(source) <= at:
            return None
        return found, grammar

    def sure_to(self, source: Source) -> int:
        """Where the tail begins that may still become a beginning; the end when none does."""
        text = source.text
        if source.closed:
            return len(text)
        found = self._partial.search(text, max(source.at, len(text) - START_CHARS_MAX))
        return found.start() if found else len(text)

    def _plant(self, node: _Node, start: Start, grammar: Grammar) -> None:
        for unit in _units(start):
            node = node.children.setdefault(unit, _Node())
        node.leaf = node.leaf or grammar

    def _expression(self, node: _Node) -> str:
        """All that may follow, the common beginnings written once.

        Each branch begins with a character as far as may be: the engine then skips to one
        of those at the speed of memory. An empty group at each end tells the grammar.
        """
        branches = [_look(unit, self._expression(child)) for unit, child in node.children.items()]
        if node.leaf is not None:
            self._order.append(node.leaf)
            branches.append("()")
        return "|".join(branches) if len(branches) < 2 else f"(?:{'|'.join(branches)})"


def _look(unit: str, rest: str) -> str:
    return f"(?={rest})" if unit == "" else unit + rest


def _partial(node: _Node, deep: int = 0) -> str:
    """What comes to the end of the text on its way to a leaf."""
    branches = [
        _partial(child, deep) if unit == "" else unit + _partial(child, deep + 1)
        for unit, child in node.children.items()
        if child.children
    ]
    if deep:
        branches.insert(0, r"\Z")
    return f"(?:{'|'.join(branches)})" if deep else "|".join(branches)


def _units(start: Start) -> list[str]:
    units: list[str] = []
    for atom in start:
        if isinstance(atom, str):
            units += [re.escape(char) for char in atom]
        elif isinstance(atom, Run):
            units.append(atom.expression)
    if isinstance(start[0], Line):
        units.insert(1, LINE_BEFORE)
    return units
