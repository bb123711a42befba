"""Whether a person looks at a change before it is promoted, and why.

What protects is no better than the tests that hold it: those that no gate runs are as protected
as the judge, and those that the gates run may grow and lose nothing. Reads text, runs nothing.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from itertools import takewhile
from keyword import iskeyword

from fitness.policy import TESTS, is_below, is_protected
from fitness.trial import GATE_TEST_PATHS
from ops.history import History
from ops.records import Change

PROTECTED = "is protected"
FUNCTION = re.compile(r"(?:async def|def|class) ")
NAMED = re.compile(r"^(?:async def |def |class )?(\w+)", re.MULTILINE)
IMPORTED = re.compile(r"^(?:from \S+ )?import (.+)$", re.MULTILINE)


def asked(
    history: History, base: str, commit: str, protected: tuple[str, ...] | None = None
) -> str | None:
    """Why a person is asked, in one sentence; None when nobody is.

    `protected` are the paths that another repo names; None for org itself.
    """
    for change in history.changes(base, commit):
        if protected is None:
            why = _why(history, change)
        else:
            why = PROTECTED if is_below(change.path, protected) else None
        if why is not None:
            return f"it waits for approval, because {change.path} {why}"
    return None


def _why(history: History, change: Change) -> str | None:
    if is_protected(change.path):
        return PROTECTED
    if not change.path.startswith(TESTS):
        return None
    if not is_below(change.path, GATE_TEST_PATHS):
        return "belongs to tests that no gate runs"
    kept = change.status == "A" or _is_kept(history, change)
    return None if kept else "does not keep all that it tested"


def _is_kept(history: History, change: Change) -> bool:
    if change.status != "M" or not change.path.endswith(".py"):
        return False
    before, after = history.blobs([change.old, change.new])
    return only_grows(before.decode("utf-8", "replace"), after.decode("utf-8", "replace"))


def only_grows(before: str, after: str) -> bool:
    """Every statement of `before` is in `after`, in this order, and none of its names twice.

    What stands before the body of a function may have more lines, so a test may get more cases.
    """
    new = iter(_statements(after))
    kept = all(any(_keeps(old, one) for one in new) for old in _statements(before))
    times = _names(after)
    return kept and all(times[name] <= count for name, count in _names(before).items())


def _statements(text: str) -> list[list[str]]:
    """Its lines from one that follows an empty line and is not indented to the next such."""
    found: list[list[str]] = [[]]
    empty = False
    for line in text.splitlines():
        if empty and line[:1].strip():
            found.append([])
        empty = not line.strip()
        if not empty:
            found[-1].append(line.rstrip())
    return [statement for statement in found if statement]


def _keeps(old: list[str], new: list[str]) -> bool:
    head, more = (list(takewhile(lambda one: not FUNCTION.match(one), s)) for s in (old, new))
    lines = iter(more)
    return old[len(head) :] == new[len(more) :] and all(
        any(_same(one, line) for line in lines) for one in head
    )


def _same(old: str, new: str) -> bool:
    """The same line, or an import of more."""
    (source, names), (other, more) = (_imports(line) for line in (old, new))
    return old == new or (bool(source) and source == other and names <= more)


def _imports(line: str) -> tuple[str, set[str]]:
    source, _, names = line.partition(" import ")
    return (source, set(names.split(", "))) if line.startswith("from ") else ("", set())


def _names(text: str) -> Counter[str]:
    """How often each name is given a meaning, as far as lines that are not indented say."""
    imported: Iterable[str] = (
        name.rsplit(" ", 1)[-1] for line in IMPORTED.findall(text) for name in line.split(", ")
    )
    given = Counter(imported)
    given.update(name for name in NAMED.findall(text) if not iskeyword(name))
    return given
