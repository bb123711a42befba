"""What a repository misses of all that its refs reach, and what is in it under a wrong name."""

from __future__ import annotations

from pathlib import Path

from ops.plumbing import Plumbing, last_line

FLAGS = ("--full", "--no-dangling", "--no-progress")
MISSING = "missing "
ERROR = "error: "
FORM = ("error in ", "warning in ", "notice: ")  # what git does not like of a person's old commits
REMEDY = "restore a backup, or fetch it from a clone"
DAMAGES_SHOWN_MAX = 20


def broken(repo: Path) -> list[str]:
    """One sentence for each object that is not there or is not what its name says."""
    code, out, err = Plumbing(repo).attempt("fsck", *FLAGS)
    lines = (out + err).decode("utf-8", "replace").splitlines()
    said = [line for line in lines if not line.startswith(FORM)]
    lost = [line.removeprefix(MISSING) for line in said if line.startswith(MISSING)]
    damaged = [line.removeprefix(ERROR) for line in said if line.startswith(ERROR)]
    if code != 0 and said and not lost and not damaged:
        damaged = [last_line(err)]
    return [
        *(f"git misses {one}: {REMEDY}" for one in lost),
        *(f"git has something broken: {one}: {REMEDY}" for one in damaged[:DAMAGES_SHOWN_MAX]),
    ]
