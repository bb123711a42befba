"""What a repository misses of all that its refs reach."""

from __future__ import annotations

from pathlib import Path

from ops.plumbing import Plumbing, last_line

FLAGS = ("--connectivity-only", "--no-dangling", "--no-progress")
MISSING = "missing "
REMEDY = "restore a backup, or fetch it from a clone"


def missing(repo: Path) -> list[str]:
    """One sentence for each object that is not there or broken."""
    code, out, err = Plumbing(repo).attempt("fsck", *FLAGS)
    said = (out + err).decode("utf-8", "replace").splitlines()
    lost = [line.removeprefix(MISSING) for line in said if line.startswith(MISSING)]
    if code != 0 and not lost:
        lost = [last_line(err)]
    return [f"git misses {one}: {REMEDY}" for one in lost]
