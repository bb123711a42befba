"""Work that was done side by side, joined: what each changed, applied in the plan's order."""

from __future__ import annotations

import base64
import os
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from daemon.agent.workspace import HIDDEN
from ops.run import run

BYTES_MAX = 128 * 2**20
MERGE_SECONDS = 20.0
Files = dict[str, bytes]  # path -> content


class Unworkable(Exception):
    """The workspace cannot be worked on in parallel; the message says why."""


@dataclass(frozen=True)
class Change:
    """One file: what it was and what it is; None is not there."""

    old: bytes | None
    new: bytes | None


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
                held += path.stat().st_size
                if held > BYTES_MAX:
                    raise Unworkable(f"more than {BYTES_MAX // 2**20} MiB to work on")
                found[path.relative_to(root).as_posix()] = path.read_bytes()
    return found


def _refuse(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error


def lay_out(files: Mapping[str, bytes], root: Path) -> None:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def changes(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> Changes:
    return {
        name: Change(before.get(name), after.get(name))
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    }


def applied(files: Mapping[str, bytes], several: Iterable[Changes]) -> tuple[Files, list[str]]:
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
    return found, conflicts


def _merged(here: bytes | None, change: Change) -> bytes | None:
    """A three-way merge by git; None where lines clash, or one side is gone."""
    if here is None or change.new is None:
        return None
    with tempfile.TemporaryDirectory(prefix="merge-") as folder:
        paths = [Path(folder, name) for name in ("here", "old", "new")]
        for path, content in zip(paths, (here, change.old or b"", change.new), strict=True):
            path.write_bytes(content)
        argv = ["git", "merge-file", "-p", "-q", *map(str, paths)]
        done = run(argv, seconds=MERGE_SECONDS, directory=Path(folder))
    return done.stdout if done.code == 0 else None


def settle(before: Mapping[str, bytes], after: Mapping[str, bytes], root: Path) -> None:
    """Make the folder that held `before` hold `after`."""
    for name, change in changes(before, after).items():
        path = root / name
        if change.new is None:
            path.unlink(missing_ok=True)
        else:
            lay_out({name: change.new}, root)


def packed(several: Changes) -> dict[str, list[str | None]]:
    return {name: [_text(one.old), _text(one.new)] for name, one in several.items()}


def unpacked(several: Mapping[str, list[str | None]]) -> Changes:
    return {name: Change(_bytes(old), _bytes(new)) for name, (old, new) in several.items()}


def _text(content: bytes | None) -> str | None:
    return None if content is None else base64.b64encode(content).decode()


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text)
