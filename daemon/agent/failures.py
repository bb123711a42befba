"""What failing tests said, for a model with little room: each failure's own lines, and no frame."""

from __future__ import annotations

import re

REASONS_MAX = 3  # of one failure: what follows them is mostly a comparison drawn out
LINE_CHARS_MAX = 200
REASON = re.compile(r"^E\s", re.MULTILINE)
FAILURE = re.compile(r"^_{3,} (.+) _{3,}$", re.MULTILINE)
SUMMARY = re.compile(r"^=+ short test summary info =+$", re.MULTILINE)
FRAME = re.compile(r"^(?:[=_\- ~^]*|[=_-]{2,} .* [=_-]{2,}|\S+:\d+: .*)$")


def shortly(said: str, chars_max: int) -> str:
    """The first failures that fit, as pytest tells them; of another runner's words the end."""
    if REASON.search(said) is None:
        return said[-chars_max:]
    _, *parts = FAILURE.split(SUMMARY.split(said)[0])
    told = ""
    for name, text in zip(parts[::2], parts[1::2], strict=True):
        one = f"{name}:\n{_own_lines(text)}"
        if told and len(told) + len(one) > chars_max:
            break
        told += one
    return told[:chars_max].rstrip() or said[-chars_max:]


def _own_lines(text: str) -> str:
    """The code that failed, and why."""
    lines = [line for line in text.splitlines() if FRAME.match(line) is None]
    reasons = [at for at, line in enumerate(lines) if REASON.match(line)]
    left_out = frozenset(reasons[REASONS_MAX:])
    kept = (line[:LINE_CHARS_MAX] for at, line in enumerate(lines) if at not in left_out)
    return "".join(f"{line}\n" for line in kept)
