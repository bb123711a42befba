"""Which file a goal is about, when nobody said so: the one that shares most of its words. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath

WORD = re.compile(r"[A-Za-z_]\w{2,}")
NAMED = 8.0  # what the file's own name in the goal is worth, in words
DEFINED = 3.0  # what a function or class of it is
DEFINES = re.compile(r"^\s*(?:async\s+)?(?:def|class)\s+(\w+)", re.MULTILINE)
TESTS = re.compile(r"(^|/)(tests?/|test_[^/]*$|conftest\.py$)|_test\.py$")


def likely_file(goal: str, files: Mapping[str, str]) -> str | None:
    """Of the Python files that are no tests; None when nothing points to any."""
    code = {path: text for path, text in files.items() if path.endswith(".py")}
    code = {path: text for path, text in code.items() if not TESTS.search(path)}
    if len(code) == 1:
        return next(iter(code))
    words = {word.lower() for word in WORD.findall(goal)}
    scores = {path: _score(goal, words, path, text) for path, text in code.items()}
    best = max(scores, key=lambda path: (scores[path], -len(path)), default=None)
    return best if best is not None and scores[best] > 0 else None


def _score(goal: str, words: set[str], path: str, text: str) -> float:
    pure = PurePosixPath(path)
    if path in goal:
        return 1000.0
    named = NAMED * (pure.name in goal or pure.stem.lower() in words)
    defined = DEFINED * len({name.lower() for name in DEFINES.findall(text)} & words)
    shared = len({word.lower() for word in WORD.findall(text)} & words) / 10
    return named + defined + shared if text.strip() else 0.0
