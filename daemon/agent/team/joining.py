"""Work that was done side by side, joined: what each changed, applied in the plan's order."""

from __future__ import annotations

import base64
import os
import stat
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from daemon.agent.workspace import HIDDEN, NEW_MODE
from ops.files import write_atomic
from ops.run import run

BYTES_MAX = 128 * 2**20
MERGE_SECONDS = 20.0
PROGRAM = 0o111  # of a mode, what makes a file one that can be run


class Unworkable(Exception):
    """The workspace cannot be worked on in parallel; the message says why."""


@dataclass(frozen=True)
class File:
    """Its content, and which of the PROGRAM bits it has."""

    content: bytes
    bits: int = 0


@dataclass(frozen=True)
class Change:
    """One file: what it was and what it is; None is not there."""

    old: File | None
    new: File | None


Files = dict[str, File]  # by path
Packed = str | int | None
Changes = dict[str, Change]


def files_of(root: Path) -> Files:
    """Every plain file, caches and git left out. Raises Unworkable.

    What cannot be read is refused: left out, it would stand for a file that was removed.
    """
    try:
        return _files_of(root)
    except OSError as error:
        where = os.path.relpath(error.filename or root, root)
        raise Unworkable(f"{where} cannot be read: {error.strerror}") from error


def _files_of(root: Path) -> Files:
    found: Files = {}
    held = 0
    for folder, folders, names in os.walk(root, onerror=_refuse):
        folders[:] = sorted(set(folders) - HIDDEN)
        for name in sorted(names):
            path = Path(folder, name)
            if path.is_symlink() or not path.is_file() or name.endswith(".pyc"):
                continue
            with suppress(FileNotFoundError):  # gone since it was listed
                about = path.stat()
                held += about.st_size
                if held > BYTES_MAX:
                    raise Unworkable(f"more than {BYTES_MAX // 2**20} MiB to work on")
                file = File(path.read_bytes(), about.st_mode & PROGRAM)
                found[path.relative_to(root).as_posix()] = file
    return found


def _refuse(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error


def lay_out(files: Mapping[str, File], root: Path) -> None:
    for name, file in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.content)
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & PROGRAM != file.bits:
            path.chmod(mode & ~PROGRAM | file.bits)


def changes(before: Mapping[str, File], after: Mapping[str, File]) -> Changes:
    return {
        name: Change(before.get(name), after.get(name))
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    }


def applied(files: Mapping[str, File], several: Iterable[Changes]) -> tuple[Files, list[str]]:
    """The files with all changes, in order, and the paths where two did not agree."""
    found, conflicts = dict(files), []
    for one in several:
        for name, change in one.items():
            here = found.get(name)
            if here == change.new:
                continue
            new = change.new if here == change.old else _merged(here, change)
            if new is None and here != change.old:
                conflicts.append(name)
            elif new is None:
                found.pop(name, None)
            else:
                found[name] = new
    return found, conflicts + [name for name in found if _is_below(name, found)]


def _is_below(name: str, files: Files) -> bool:
    """Whether a folder it needs is a file: one made the one, another the other."""
    return any(str(above) in files for above in PurePosixPath(name).parents)


def _merged(here: File | None, change: Change) -> File | None:
    """Both sides' content and bits; None where lines clash, or one side is gone."""
    if here is None or change.new is None:
        return None
    old, new = change.old or File(b""), change.new
    content = _merged_content(here.content, old.content, new.content)
    bits = here.bits if new.bits == old.bits else new.bits
    return None if content is None else File(content, bits)


def _merged_content(here: bytes, old: bytes, new: bytes) -> bytes | None:
    """A three-way merge by git where both sides changed; None where lines clash."""
    if here in (old, new):
        return new
    if new == old:
        return here
    with tempfile.TemporaryDirectory(prefix="merge-") as folder:
        paths = [Path(folder, name) for name in ("here", "old", "new")]
        for path, content in zip(paths, (here, old, new), strict=True):
            path.write_bytes(content)
        argv = ["git", "merge-file", "-p", "-q", *map(str, paths)]
        done = run(argv, seconds=MERGE_SECONDS, directory=Path(folder))
    return done.stdout if done.code == 0 else None


def settle(before: Mapping[str, File], after: Mapping[str, File], root: Path) -> None:
    """Make the folder that held `before` hold `after`, also after a power cut.

    Each file is whole at any time. Raises Unworkable for what is in the way.
    """
    several = changes(before, after)
    for name, change in sorted(several.items(), key=lambda one: one[1].new is not None):
        if any((root / above).is_symlink() for above in PurePosixPath(name).parents):
            raise Unworkable(f"{name} cannot be changed: a link leads there")
        try:
            if change.new is None:
                (root / name).unlink(missing_ok=True)
            else:
                _put(change.new, root / name)
        except OSError as error:
            raise Unworkable(f"{name} cannot be changed: {error.strerror}") from error


def _put(file: File, path: Path) -> None:
    """In the place of another file, or of folders that hold nothing any more. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    mode = NEW_MODE
    if path.is_dir() and not path.is_symlink():
        for folder, _, _ in os.walk(path, topdown=False):
            Path(folder).rmdir()
    elif path.exists():
        mode = stat.S_IMODE(path.stat().st_mode) & ~PROGRAM
    write_atomic(path, file.content, mode | file.bits)


def packed(several: Changes) -> dict[str, list[Packed]]:
    """The contents of each, old and new, and then their bits."""
    return {
        name: [_text(one.old), _text(one.new), _bits(one.old), _bits(one.new)]
        for name, one in several.items()
    }


def unpacked(several: Mapping[str, list[Packed]]) -> Changes:
    """Also what earlier releases packed, without bits."""
    return {name: _change(*one) for name, one in several.items()}


def _change(old: Packed, new: Packed, old_bits: Packed = 0, new_bits: Packed = 0) -> Change:
    return Change(_file(old, old_bits), _file(new, new_bits))


def _text(file: File | None) -> str | None:
    return None if file is None else base64.b64encode(file.content).decode()


def _bits(file: File | None) -> int:
    return 0 if file is None else file.bits


def _file(text: Packed, bits: Packed) -> File | None:
    return None if text is None else File(base64.b64decode(str(text)), int(bits or 0) & PROGRAM)
