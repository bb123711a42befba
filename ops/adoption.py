"""A person's own repo before it is adopted: only read, and refused when it is not fit."""

from __future__ import annotations

from pathlib import Path

from ops.errors import Refused
from ops.plumbing import Plumbing

DIRTY_SHOWN_MAX = 3


def head(source: Path) -> tuple[Path, str]:
    """Its git folder and the commit of its HEAD, of whatever branch. Raises Refused."""
    folder = _git_folder(source)
    theirs = Plumbing(folder)
    if theirs.line("rev-parse", "--is-shallow-repository") == "true":
        raise Refused(f"{source} is a shallow clone", "run there: git fetch --unshallow")
    code, out, _ = theirs.attempt("rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    if code != 0:
        raise Refused(f"{source} has no commit yet", "commit something there first")
    _refuse_dirty(source, theirs)
    return folder, out.decode().strip()


def _refuse_dirty(source: Path, theirs: Plumbing) -> None:
    flags = ("status", "--porcelain", "-z", "--untracked-files=no")
    out = theirs.call(f"--work-tree={source}", *flags) if source.is_dir() else b""
    names = [row[3:] for row in out.decode("utf-8", "replace").split("\0") if row]
    if names:
        shown = ", ".join(names[:DIRTY_SHOWN_MAX])
        more = f" and {len(names) - DIRTY_SHOWN_MAX} more" if len(names) > DIRTY_SHOWN_MAX else ""
        raise Refused(
            f"{source} has changes that are not committed: {shown}{more}",
            "commit or stash them, so that what is adopted is what you see",
        )


def _git_folder(source: Path) -> Path:
    """The git folder of a person's checkout or bare repo. Raises Refused when it is neither."""
    for folder in (source / ".git", source):
        code, out, err = Plumbing(folder).attempt("rev-parse", "--absolute-git-dir")
        if code == 0:
            return Path(out.decode().strip())
        if b"dubious ownership" in err:
            raise Refused(f"{source} belongs to another user", "run as its owner")
    raise Refused(f"{source} is not a git repository", "name one with --repo, or run: git init")
