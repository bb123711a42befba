"""Files that are whole or absent, reads that are bounded, room that is measured."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from ops.faults import around


def sync_directory(directory: Path) -> None:
    """Make renames and removals in `directory` survive a power cut."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_atomic(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Readers see the old bytes or the new ones, also after a power cut."""
    with around(f"file.{path.name}"):
        _write_atomic(path, data, mode)


def _write_atomic(path: Path, data: bytes, mode: int) -> None:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as out:
            os.fchmod(out.fileno(), mode)
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def read_bounded(path: Path, bytes_max: int) -> bytes:
    """At most `bytes_max` bytes from the start."""
    with path.open("rb") as source:
        return source.read(bytes_max)


def read_tail(path: Path, bytes_max: int) -> bytes:
    """At most `bytes_max` bytes from the end, less the line whose beginning that cuts off."""
    with path.open("rb") as source:
        begin = max(0, source.seek(0, os.SEEK_END) - bytes_max)
        source.seek(begin)
        data = source.read(bytes_max)
    return data.partition(b"\n")[2] if begin else data


def free_bytes(path: Path) -> int:
    """What an ordinary user may still write on the disk that holds `path`."""
    return shutil.disk_usage(path).free


def remove_tree(path: Path) -> None:
    """Remove a whole tree, also a read-only one; gone already is fine."""
    if not path.exists():
        return
    try:
        for directory, _, _ in os.walk(path):
            Path(directory).chmod(0o700)
        shutil.rmtree(path, ignore_errors=False)
    except RecursionError:  # whoever made it went deeper than Python does
        for argv in (("chmod", "-R", "u+rwX"), ("rm", "-rf")):
            subprocess.run([*argv, "--", path], check=True, stdin=subprocess.DEVNULL)


def size_of(folder: Path) -> int:
    """Bytes of all files below; what vanishes meanwhile has none."""
    total = 0
    for where, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(f"{where}/{name}").st_size
            except FileNotFoundError:
                continue
    return total
