"""The release this process runs: read once, before anything of the release is imported.

Why: a process must report the commit it loaded, not the one it was told to run;
the boot module imports this first, so a later change on disk cannot alter the answer.
"""

from __future__ import annotations

from pathlib import Path

MARKER = ".org-commit"  # written by ops.worktree when it exports a release; never part of a tree
UNRELEASED = "unreleased"  # a checkout or a wheel: code that no promotion has named

ROOT = Path(__file__).resolve().parent.parent


def _marker(name: str) -> str:
    try:
        return (ROOT / name).read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return UNRELEASED


COMMIT = _marker(MARKER)
