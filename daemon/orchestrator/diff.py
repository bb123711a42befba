"""A difference by file, as harmless text: what a person reads before they say yes to it."""

from __future__ import annotations

from typing import Any

from ops import render

LINES_MAX, FILES_MAX, LINE_CHARS_MAX = 4000, 200, 2000
KINDS = {"+": "add", "-": "del", "@": "hunk"}
BEGINS = "diff --git "
HEAD = ("index ", "--- ", "+++ ")  # said by the name; in a hunk these are lines like any other


def by_file(diff: str) -> tuple[list[dict[str, Any]], bool]:
    """Each file with its lines, of a kind each for its colour; and whether anything is left out."""
    lines = diff.removesuffix("\n").split("\n")
    found: list[dict[str, Any]] = []
    cut, in_hunk = len(lines) > LINES_MAX, False
    for line in lines[:LINES_MAX]:
        if line.startswith(BEGINS):
            if len(found) == FILES_MAX:
                return found, True
            found.append({"name": _name(line), "lines": [], "added": 0, "gone": 0})
            in_hunk = False
            continue
        in_hunk = in_hunk or line.startswith("@@")
        if not found or (not in_hunk and line.startswith(HEAD)):
            continue
        kind = KINDS.get(line[:1], "same") if in_hunk else "same"
        found[-1]["added"] += kind == "add"
        found[-1]["gone"] += kind == "del"
        text = render.safe(line)
        if len(text) > LINE_CHARS_MAX:
            text, cut = text[:LINE_CHARS_MAX] + "…", True
        found[-1]["lines"].append({"kind": kind, "text": text})
    return found, cut


def _name(line: str) -> str:
    """The path; both of them when they differ, for either may hold ` b/`."""
    both = line.removeprefix(BEGINS)
    half = len(both) // 2
    old, new = both[:half], both[half + 1 :]
    same = old.removeprefix("a/") == new.removeprefix("b/")
    return render.safe(new.removeprefix("b/") if same else both)
