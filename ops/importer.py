"""Read the plain files of an untrusted tree into the trusted repo: the one module that looks there.

No git command runs in the tree. Everything is opened relative to its folder's descriptor,
without following links, and judged by what was opened, not by what its name promised.
"""

from __future__ import annotations

import hashlib
import os
import stat
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ops.errors import Refused
from ops.history import History
from ops.loaded import MARKER

FILES_MAX = 50_000
FILE_BYTES_MAX = 64 * 2**20
TREE_BYTES_MAX = 512 * 2**20
ENTRIES_MAX = 2 * FILES_MAX  # of any kind, folders and what is passed over as well
BATCH_BYTES = 32 * 2**20  # what is held in memory before it goes to the repo
NAME_BYTES_MAX = 255
DEPTH_MAX = 64
FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
HINT = "the author may only leave plain files with plain names"
# What tools leave while they work; it is never part of a change.
DROPPINGS = frozenset({"__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis"})
DROPPINGS_AT_TOP = frozenset({".git", ".venv"})
Stamp = tuple[int, int, int, int, int, int]


@dataclass(frozen=True)
class File:
    mode: str
    oid: str
    size: int
    stamp: Stamp


@dataclass(frozen=True)
class Import:
    """What one look found; the next look reads only what changed since."""

    tree: str
    files: dict[str, File]


@dataclass
class _Look:
    """One walk: its budget, what it knew before, and what it found."""

    history: History
    known: dict[str, File]
    files: dict[str, File] = field(default_factory=dict)
    fresh: dict[str, bytes] = field(default_factory=dict)
    fresh_bytes: int = 0
    total: int = 0
    entries: int = 0

    def keep(self, oid: str, data: bytes) -> None:
        """Into the repo, together with others; what is refused later is left there unnamed."""
        self.fresh[oid] = data
        self.fresh_bytes += len(data)
        if self.fresh_bytes > BATCH_BYTES:
            self.flush()

    def flush(self) -> None:
        self.history.write_blobs(self.fresh)
        self.fresh, self.fresh_bytes = {}, 0


def import_tree(history: History, workspace: Path, previous: Import | None) -> Import:
    """The tree of `workspace` in `history`. Raises Refused naming the first bad path."""
    look = _Look(history, previous.files if previous else {})
    top = _open(str(workspace), FOLDER_FLAGS, None, "the workspace")
    try:
        _walk(look, top, "", 0)
    finally:
        os.close(top)
    if previous is not None and look.files == previous.files:
        return previous
    look.flush()
    rows = ((file.mode, file.oid, path) for path, file in sorted(look.files.items()))
    return Import(history.write_tree(rows), look.files)


def _walk(look: _Look, folder: int, prefix: str, depth: int) -> None:
    if depth > DEPTH_MAX:
        raise _refused(prefix, f"lies deeper than {DEPTH_MAX} folders")
    seen: dict[str, str] = {}
    for name in sorted(_names(look, folder, prefix)):
        if name in DROPPINGS or name.endswith(".pyc") or (not prefix and name in DROPPINGS_AT_TOP):
            continue
        path = prefix + name
        _check_name(path, name, bool(prefix))
        plain = _plain(name)
        if plain in seen:
            raise _refused(path, f"cannot be told from {seen[plain]!r} on every file system")
        seen[plain] = name
        _take(look, folder, name, path, depth)


def _names(look: _Look, folder: int, prefix: str) -> Iterator[str]:
    """A folder of millions is refused, not listed, and so are millions of folders."""
    with os.scandir(folder) as entries:
        for count, entry in enumerate(entries):
            if count >= FILES_MAX:
                raise _refused(prefix or ".", f"holds more than {FILES_MAX} files")
            look.entries += 1
            if look.entries > ENTRIES_MAX:
                raise _refused(prefix or ".", f"makes the tree hold more than {ENTRIES_MAX} names")
            yield entry.name


def _take(look: _Look, folder: int, name: str, path: str, depth: int) -> None:
    try:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except OSError as error:  # gone since it was listed: somebody still writes there
        raise _refused(path, f"cannot be looked at: {error.strerror}") from error
    if stat.S_ISDIR(found.st_mode):
        inner = _open(name, FOLDER_FLAGS, folder, path)
        try:
            _walk(look, inner, f"{path}/", depth + 1)
        finally:
            os.close(inner)
        return
    _check_kind(path, found)
    known = look.known.get(path)
    if known is not None and known.stamp == _stamp(found):
        file = known
    else:
        file = _read(look, folder, name, path)
    look.files[path] = file
    look.total += file.size
    if len(look.files) > FILES_MAX:
        raise _refused(path, f"is one file more than the {FILES_MAX} allowed")
    if look.total > TREE_BYTES_MAX:
        raise _refused(path, f"makes the tree larger than {TREE_BYTES_MAX // 2**20} MiB")


def _open(name: str, flags: int, folder: int | None, path: str) -> int:
    try:
        return os.open(name, flags, dir_fd=folder)
    except OSError as error:
        raise _refused(path, f"cannot be opened: {error.strerror}") from error


def _read(look: _Look, folder: int, name: str, path: str) -> File:
    """The bytes of what was opened, whatever the name has come to mean since."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with os.fdopen(_open(name, flags, folder, path), "rb") as source:
        found = os.fstat(source.fileno())
        _check_kind(path, found)
        data = source.read(FILE_BYTES_MAX + 1)
    if len(data) > FILE_BYTES_MAX:
        raise _refused(path, f"is larger than {FILE_BYTES_MAX // 2**20} MiB")
    oid = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
    look.keep(oid, data)
    mode = "100755" if found.st_mode & stat.S_IXUSR else "100644"
    return File(mode, oid, len(data), _stamp(found))


def _stamp(found: os.stat_result) -> Stamp:
    return (
        found.st_dev,
        found.st_ino,
        found.st_size,
        found.st_mtime_ns,
        found.st_ctime_ns,
        found.st_mode,
    )


def _check_kind(path: str, found: os.stat_result) -> None:
    if stat.S_ISLNK(found.st_mode):
        raise _refused(path, "is a symbolic link")
    if not stat.S_ISREG(found.st_mode):
        raise _refused(path, "is no plain file")
    if found.st_nlink != 1:
        raise _refused(path, "has a second name (hard link)")
    if found.st_mode & (stat.S_ISUID | stat.S_ISGID | stat.S_ISVTX):
        raise _refused(path, "has a special mode (setuid, setgid or sticky)")
    if found.st_size > FILE_BYTES_MAX:
        raise _refused(path, f"is larger than {FILE_BYTES_MAX // 2**20} MiB")


def _plain(name: str) -> str:
    """What careless file systems and eyes make of a name."""
    return unicodedata.normalize("NFKC", name).casefold().rstrip(". ")


def _check_name(path: str, name: str, nested: bool) -> None:
    try:
        encoded = name.encode("utf-8")
    except UnicodeEncodeError:
        raise _refused(path, "has a name that is not UTF-8") from None
    if len(encoded) > NAME_BYTES_MAX:
        raise _refused(path, f"has a name longer than {NAME_BYTES_MAX} bytes")
    if any(unicodedata.category(char).startswith("C") for char in name):
        raise _refused(path, "has a control or invisible character in its name")
    if "\\" in name or ":" in name:
        raise _refused(path, "has a backslash or a colon in its name")
    plain = _plain(name)
    if plain == ".git" or (plain.startswith("git~") and plain[4:].isdecimal()):
        raise _refused(path, "looks like a git folder")
    if not nested and plain == MARKER:
        raise _refused(path, "is the mark of a release")


def _refused(path: str, why: str) -> Refused:
    shown = path.encode("unicode_escape").decode("ascii")[:200]
    return Refused(f"{shown} {why}", HINT)
