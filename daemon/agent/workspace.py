"""The folder an agent works in: every path is opened step by step, and no link is followed."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

HIDDEN = frozenset(
    {".git", ".venv", "__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis"}
)
SAFELY = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
FILE_BYTES_MAX = 4 * 2**20
FILES_MAX = 50_000


class Outside(Exception):
    """The path is not in the workspace, or may not be touched; the message is for the model."""


@dataclass(frozen=True)
class Workspace:
    """`tests` is the command that runs them; `test_paths` what it runs when nothing is named."""

    root: Path
    tests: tuple[str, ...] = ()
    test_paths: tuple[str, ...] = ()

    def parts(self, path: str) -> tuple[str, ...]:
        """The steps to `path`. Raises Outside."""
        pure = PurePosixPath(path)
        if pure.is_absolute():
            try:
                pure = pure.relative_to(self.root)
            except ValueError:
                raise Outside(f"{path} is outside the workspace") from None
        if ".." in pure.parts:
            raise Outside(f"{path} leaves the workspace")
        if pure.parts and pure.parts[0] == ".git":
            raise Outside("the git folder is not yours to touch")
        return pure.parts

    def _folder(self, parts: tuple[str, ...], create: bool) -> int:
        """A descriptor of the folder, reached without following any link."""
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        here = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        for part in parts:
            try:
                if create:
                    _make_folder(part, here)
                inner = os.open(part, flags, dir_fd=here)
            except OSError as error:
                raise Outside(f"{'/'.join(parts)}: {error.strerror}") from None
            finally:
                os.close(here)
            here = inner
        return here

    def _open(self, path: str, flags: int, create: bool = False) -> int:
        parts = self.parts(path)
        if not parts:
            raise Outside("that is the workspace itself; name a file")
        folder = self._folder(parts[:-1], create)
        try:
            opened = os.open(
                parts[-1],
                flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC,
                0o644,
                dir_fd=folder,
            )
        except OSError as error:
            raise Outside(f"{path}: {error.strerror}") from None
        finally:
            os.close(folder)
        if not stat.S_ISREG(os.fstat(opened).st_mode):
            os.close(opened)
            raise Outside(f"{path} is no plain file")
        return opened

    def read(self, path: str) -> str:
        """The text of a file. Raises Outside."""
        with os.fdopen(self._open(path, os.O_RDONLY), "rb") as source:
            data = source.read(FILE_BYTES_MAX + 1)
        if len(data) > FILE_BYTES_MAX:
            raise Outside(f"{path} is larger than {FILE_BYTES_MAX // 2**20} MiB")
        if b"\0" in data:
            raise Outside(f"{path} is no text")
        return data.decode("utf-8", "replace")

    def write(self, path: str, text: str) -> None:
        """Put `text` there, making folders as needed. Raises Outside."""
        data = text.encode("utf-8", "replace")
        if len(data) > FILE_BYTES_MAX:
            raise Outside(f"more than {FILE_BYTES_MAX // 2**20} MiB")
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        with os.fdopen(self._open(path, flags, create=True), "wb") as out:
            out.write(data)

    def files(self, below: str = ".") -> Iterator[str]:
        """All plain files below a folder, sorted, caches left out."""
        start = "/".join(self.parts(below))
        for folder, folders, names in os.walk(self.root / start):
            folders[:] = sorted(set(folders) - HIDDEN)
            for name in sorted(names):
                whole = Path(folder) / name
                if not name.endswith(".pyc") and not whole.is_symlink():
                    yield whole.relative_to(self.root).as_posix()

    def fingerprint(self) -> str:
        """Tells whether anything changed since another one was taken, also by another process."""
        whole = hashlib.sha256()
        for count, path in enumerate(self.files()):
            if count >= FILES_MAX:
                break
            found = (self.root / path).lstat()
            mark = f"{path}\0{found.st_mtime_ns}\0{found.st_size}\0"
            whole.update(mark.encode("utf-8", "surrogateescape"))
        return whole.hexdigest()


def _make_folder(name: str, parent: int) -> None:
    try:
        os.mkdir(name, dir_fd=parent)
    except FileExistsError:
        return  # it may be a link: opening it without following tells
