"""A commit's tree on disk, byte for byte: releases to run, and copies for authors.

Files are written from the objects themselves, so no attribute, filter or line-ending
rule of the tree can make what runs differ from what was judged. A release appears
under its name by one rename, complete and on disk, or not at all.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from ops.cell_order import prlimit
from ops.errors import Failed
from ops.faults import around
from ops.files import remove_tree, sync_directory
from ops.history import History
from ops.loaded import MARKER
from ops.records import Entry
from ops.run import run

TORN = ".tmp-"
MODES = {"100644": 0o644, "100755": 0o755}
LINK = "120000"
COMPILE_BYTES = 2**30
COMPILE_SECONDS = 120.0
BATCH_BYTES_MAX = 256 * 2**20


def export(history: History, commit: str, target: Path) -> Path:
    """The release of `commit` at `target`; at once when it is there. Raises Failed."""
    if _is_release(target, commit):
        return target
    if target.exists():
        remove(target)  # never trusted: it has no marker, or that of another commit
    torn = target.parent / f"{TORN}{target.name}-{secrets.token_hex(4)}"
    try:
        with around("release.write"):
            _write(history, commit, torn)
        _compile(torn)
        (torn / MARKER).write_text(commit + "\n", encoding="ascii")
        _sync(torn)
        with around("release.rename"):
            torn.rename(target)
    except BaseException:
        remove_tree(torn)
        raise
    sync_directory(target.parent)
    return target


def _compile(folder: Path) -> None:
    """In a process of its own with limits: whoever wrote the files may want to crash a compiler.

    What does not compile within them is compiled when it is imported, where its cell has limits.
    """
    limits = prlimit({"core": 0, "as": COMPILE_BYTES, "cpu": int(COMPILE_SECONDS)})
    argv = [*limits, sys.executable, "-I", "-m", "compileall", "-qq", "-f", str(folder)]
    with contextlib.suppress(Failed):
        run(argv, seconds=COMPILE_SECONDS, environment={"PATH": os.environ.get("PATH", "")})


def copy_for_author(history: History, commit: str, target: Path) -> Path:
    """A plain writable copy, which nobody trusts afterwards."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with around("author.copy"):
        _write(history, commit, target)
    return target


def sweep(folder: Path) -> None:
    """Remove what a killed export left."""
    for torn in folder.glob(f"{TORN}*"):
        remove_tree(torn)


def remove(target: Path) -> None:
    """Away from its name at once, then off the disk."""
    remove_tree(put_aside(target))


def put_aside(target: Path) -> Path:
    """Away from its name, at once; what a crash leaves of it is swept like a torn export."""
    torn = target.parent / f"{TORN}{target.name}-{secrets.token_hex(4)}"
    with around("release.away"):
        target.rename(torn)
    return torn


def _is_release(target: Path, commit: str) -> bool:
    try:
        return (target / MARKER).read_text(encoding="ascii").strip() == commit
    except (FileNotFoundError, NotADirectoryError):
        return False


def _write(history: History, commit: str, target: Path) -> None:
    entries = history.listing(commit)
    target.mkdir()
    for entry in entries:
        _check(entry)
    for some in _batches(entries):
        for entry, data in zip(some, history.blobs([entry.oid for entry in some]), strict=True):
            _place(target / entry.path, entry, data)


def _batches(entries: tuple[Entry, ...]) -> Iterator[list[Entry]]:
    """Groups of bounded size, so that a large tree does not have to fit into memory."""
    batch: list[Entry] = []
    size = 0
    for entry in entries:
        if batch and size + entry.size > BATCH_BYTES_MAX:
            yield batch
            batch, size = [], 0
        batch.append(entry)
        size += entry.size
    if batch:
        yield batch


def _check(entry: Entry) -> None:
    """Raises Failed for what no release may hold: such a tree was never imported by us."""
    parts = PurePosixPath(entry.path).parts
    if entry.mode not in MODES and entry.mode != LINK:
        raise Failed(f"{entry.path} is neither file nor link", "remove it from the repo")
    if ".." in parts or entry.path.startswith("/") or parts[0] == MARKER:
        raise Failed(f"{entry.path!r} is no path of a release", "remove it from the repo")


def _place(path: Path, entry: Entry, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if entry.mode == LINK:
        _link(path, entry, data)
        return
    with path.open("xb") as out:
        out.write(data)
        os.fchmod(out.fileno(), MODES[entry.mode])


def _link(path: Path, entry: Entry, data: bytes) -> None:
    """A link that stays inside its tree."""
    aim = data.decode("utf-8", "surrogateescape")
    depth = 0
    for part in [*PurePosixPath(entry.path).parent.parts, *PurePosixPath(aim).parts]:
        depth += -1 if part == ".." else 1
        if depth < 0:
            break
    if aim.startswith("/") or depth < 0:
        raise Failed(f"{entry.path} is a link that leaves the tree", "remove it from the repo")
    path.symlink_to(aim)


def _sync(folder: Path) -> None:
    """Everything written to this file system is on disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if ctypes.CDLL(None, use_errno=True).syncfs(descriptor) != 0:
            raise OSError(ctypes.get_errno(), "syncfs")
    finally:
        os.close(descriptor)
