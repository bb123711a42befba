"""The folder an agent works in: every path is opened step by step, and no link is followed."""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from daemon.agent.rules import Rules
    from daemon.agent.shell import Command

HIDDEN = frozenset(
    {".git", ".venv", "__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis"}
)
SAFELY = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
FILE_BYTES_MAX = 4 * 2**20
FILES_MAX = 50_000
NEW_MODE = 0o644


class Outside(Exception):
    """The path is not in the workspace, or may not be touched; the message is for the model."""


@dataclass(frozen=True)
class Workspace:
    """`tests` is the command that runs them; `test_paths` what it runs when nothing is named.

    `kept` is a folder outside of it for what tools keep; `broker` the socket that leads to the
    web; `rules` are the shipped ones when there are no others.
    """

    root: Path
    tests: tuple[str, ...] = ()
    test_paths: tuple[str, ...] = ()
    kept: Path | None = None
    broker: str | None = None
    rules: Rules | None = None

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
        if "\0" in path:
            raise Outside("a path cannot hold a zero byte")
        if pure.parts and pure.parts[0] == ".git":
            raise Outside("the git folder is not yours to touch")
        return pure.parts

    def _rules(self) -> Rules:
        from daemon.agent.rules import shipped

        return self.rules or shipped()

    def check_command(self, line: str) -> tuple[Command, ...]:
        """The commands of a line. Raises Outside, with the rule that refuses one."""
        return self._rules().check_command(line)

    def _folder(self, parts: tuple[str, ...], create: bool) -> int:
        """A descriptor of the folder, reached without following any link. Raises Outside."""
        try:
            here = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise Outside(f"the workspace itself: {error.strerror}") from None
        for part in parts:
            try:
                if create:
                    _make_folder(part, here)
                inner = os.open(part, FOLDER, dir_fd=here)
            except OSError as error:
                raise Outside(f"{'/'.join(parts)}: {error.strerror}") from None
            finally:
                os.close(here)
            here = inner
        return here

    def named(self, path: str, writes: bool) -> tuple[str, ...]:
        """The steps to a file that the rules let be read, or written. Raises Outside."""
        parts = self.parts(path)
        if not parts:
            raise Outside("that is the workspace itself; name a file")
        self._rules().check_file("/".join(parts), writes)
        return parts

    def open(self, path: str) -> IO[bytes]:
        """The file for reading, whatever its size. Raises Outside."""
        parts = self.named(path, writes=False)
        folder = self._folder(parts[:-1], create=False)
        try:
            opened = os.open(parts[-1], os.O_RDONLY | SAFELY, dir_fd=folder)
        except OSError as error:
            raise Outside(f"{path}: {error.strerror}") from None
        finally:
            os.close(folder)
        if not stat.S_ISREG(os.fstat(opened).st_mode):
            os.close(opened)
            raise Outside(f"{path} is no plain file")
        return os.fdopen(opened, "rb")

    def holds(self, path: str) -> bool:
        """Whether a plain file or a folder is there, behind no link. Raises Outside."""
        parts = self.parts(path)
        try:
            folder = self._folder(parts[:-1], create=False)
        except Outside:
            return False
        try:
            found = os.stat(parts[-1] if parts else ".", dir_fd=folder, follow_symlinks=False)
        except OSError:
            return False
        finally:
            os.close(folder)
        return stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)

    def read(self, path: str) -> str:
        """The text of a file, as far as it is UTF-8. Raises Outside."""
        return self.read_bytes(path).decode("utf-8", "replace")

    def read_bytes(self, path: str) -> bytes:
        """A text file exactly as it is, whatever its encoding. Raises Outside."""
        with self.open(path) as source:
            data = source.read(FILE_BYTES_MAX + 1)
        if len(data) > FILE_BYTES_MAX:
            raise Outside(f"{path} is larger than {FILE_BYTES_MAX // 2**20} MiB")
        if b"\0" in data:
            raise Outside(f"{path} is no text")
        return data

    def write(self, path: str, text: str) -> None:
        """Put `text` there whole or not at all, making folders as needed. Raises Outside."""
        self.write_bytes(path, text.encode("utf-8", "replace"))

    def write_bytes(self, path: str, data: bytes) -> None:
        """As `write`, for what may be no UTF-8. Raises Outside."""
        if len(data) > FILE_BYTES_MAX:
            raise Outside(f"more than {FILE_BYTES_MAX // 2**20} MiB")
        parts = self.named(path, writes=True)
        folder = self._folder(parts[:-1], create=True)
        try:
            _replace(parts[-1], data, folder)
        except OSError as error:
            raise Outside(f"{path}: {error.strerror}") from None
        finally:
            os.close(folder)

    def remove(self, path: str) -> None:
        """Raises Outside."""
        parts = self.named(path, writes=True)
        folder = self._folder(parts[:-1], create=False)
        try:
            _mode_of(parts[-1], folder)
            os.unlink(parts[-1], dir_fd=folder)
        except OSError as error:
            raise Outside(f"{path}: {error.strerror}") from None
        finally:
            os.close(folder)

    def files(self, below: str = ".") -> Iterator[str]:
        """All plain files below a folder, sorted, caches left out, and what nobody can look at."""
        return (path for path, found in self._found(below) if found is not None)

    def _found(self, below: str) -> Iterator[tuple[str, os.stat_result | None]]:
        """None is for what is there and hides what it is, as in a folder that none may enter."""
        start = self.parts(below)
        try:
            top = self._folder(start, create=False)
        except Outside:
            return
        try:
            for folder, folders, names, here in os.fwalk(".", dir_fd=top):
                folders[:] = sorted(set(folders) - HIDDEN)
                before = PurePosixPath(*start, folder)
                for name in sorted(names):
                    if not name.endswith(".pyc"):
                        yield from _looked_at((before / name).as_posix(), name, here)
        except (OSError, RecursionError):  # the folder itself hides, or is too deep to walk
            yield below, None
        finally:
            os.close(top)

    def fingerprint(self) -> str:
        """Tells whether anything changed since another one was taken, also by another process."""
        whole = hashlib.sha256()
        for count, (path, found) in enumerate(self._found(".")):
            if count >= FILES_MAX:
                break
            mark = f"{path}\0{found.st_mtime_ns}\0{found.st_size}\0" if found else f"{path}\0?\0"
            whole.update(mark.encode("utf-8", "surrogateescape"))
        return whole.hexdigest()


def _looked_at(path: str, name: str, here: int) -> Iterator[tuple[str, os.stat_result | None]]:
    """Nothing for what is no plain file."""
    try:
        found = os.stat(name, dir_fd=here, follow_symlinks=False)
    except FileNotFoundError:
        return  # gone since it was listed
    except OSError:
        yield path, None
    else:
        if stat.S_ISREG(found.st_mode):
            yield path, found


def _make_folder(name: str, parent: int) -> None:
    try:
        os.mkdir(name, dir_fd=parent)
    except FileExistsError:
        return  # it may be a link: opening it without following tells


def _mode_of(name: str, folder: int) -> int:
    """Of the plain file there, or of a new one. Raises Outside for anything else."""
    try:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return NEW_MODE
    if not stat.S_ISREG(found.st_mode):
        raise Outside(f"{name} is no plain file")
    return stat.S_IMODE(found.st_mode)


def _replace(name: str, data: bytes, folder: int) -> None:
    """By a new file of that name: what shared the old one's content keeps it."""
    mode = _mode_of(name, folder)
    fresh = f".{secrets.token_hex(8)}.new"
    opened = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | SAFELY, mode, dir_fd=folder)
    try:
        with os.fdopen(opened, "wb") as out:
            os.fchmod(out.fileno(), mode)
            out.write(data)
        os.rename(fresh, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with suppress(OSError):
            os.unlink(fresh, dir_fd=folder)
        raise
