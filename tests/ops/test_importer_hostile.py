"""What no workspace should hold is refused by its path, and nothing is followed."""

from __future__ import annotations

import os
import socket
import stat
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ops import importer
from ops.errors import Refused
from ops.history import History
from ops.importer import import_tree


def _hard_link(root: Path) -> None:
    os.link(root / "README", root / "second")


def _socket(root: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        here = Path.cwd()
        os.chdir(root)
        try:
            made.bind("sock")
        finally:
            os.chdir(here)


def _set_mode(name: str, mode: int) -> Callable[[Path], None]:
    def make(root: Path) -> None:
        (root / name).write_bytes(b"")
        (root / name).chmod(mode)

    return make


def _file(name: str, size: int = 0) -> Callable[[Path], None]:
    def make(root: Path) -> None:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        with (root / name).open("wb") as out:
            out.truncate(size)

    return make


def _link(name: str, aim: str) -> Callable[[Path], None]:
    return lambda root: (root / name).symlink_to(aim)


def _device(root: Path) -> None:
    """As root a real one; anybody may make a pipe, which must be refused as well."""
    if os.geteuid() == 0:
        os.mknod(root / "device", 0o600 | stat.S_IFCHR, os.makedev(1, 3))
    else:
        os.mkfifo(root / "device")


def _bytes_name(name: bytes) -> Callable[[Path], None]:
    return lambda root: Path(os.fsdecode(os.fsencode(root) + b"/" + name)).touch()


def _twice(root: Path) -> None:
    """One letter in two spellings, which some file systems take for one name."""
    (root / "caf\u00e9").touch()
    (root / "cafe\u0301").touch()


HOSTILE: dict[str, Callable[[Path], None]] = {
    "device": _device,
    "sticky": _set_mode("sticky", 0o1644),
    "chain": _link("chain", "chain"),
    "src/up": _link("src/up", "../../up"),
    "src/deep/.git": _file("src/deep/.git"),
    "GIT~2": _file("GIT~2"),
    "src/.git.": _file("src/.git./hooks/x"),
    "src": _file("SRC/a.py"),
    "caf": _twice,
    "zero\\u200bwidth": _file("zero\u200bwidth"),
    "\\x1b[2J": _file("\x1b[2J"),
    "half\\udcc3": _bytes_name(b"half\xc3"),
    "evil": _link("evil", "/etc/passwd"),
    "folder": _link("folder", "src"),
    "dangling": _link("dangling", "nowhere"),
    "fifo": lambda root: os.mkfifo(root / "fifo"),
    "sock": _socket,
    "README": _hard_link,
    "suid": _set_mode("suid", 0o4755),
    "sgid": _set_mode("sgid", 0o2755),
    "src/.git": _file("src/.git/config"),
    ".GIT": _file(".GIT/config"),
    ".Git ": _file(".Git /config"),
    "git~1": _file("git~1/config"),
    ".gi": _file(".gi\u200ct/config"),
    "\\uff0egit": _file("\uff0egit/config"),
    "a\\u202e": _file("a\u202egpj.exe"),
    "bell": _file("bell\x07"),
    "new\\nline": _file("new\nline"),
    "back": _file("back\\slash"),
    "stream:": _file("stream:ads"),
    "readme": _file("readme"),
    ".org-commit": _file(".org-commit"),
    "sparse": _file("sparse", 3 * 2**30),
    "not-utf8": lambda root: Path(os.fsdecode(os.fsencode(root) + b"/not-utf8\xff")).touch(),
}


@pytest.mark.parametrize("named", HOSTILE)
def test_a_hostile_tree_is_refused_by_path(history: History, workspace: Path, named: str) -> None:
    """One bad thing among good ones: nothing is imported, and the refusal says what it was."""
    HOSTILE[named](workspace)
    began = time.monotonic()
    with pytest.raises(Refused) as caught:
        import_tree(history, workspace, None)
    assert named.split("\\u202e")[0].rstrip() in caught.value.message
    assert time.monotonic() - began < 5


def test_a_folder_too_deep_is_refused(history: History, workspace: Path) -> None:
    """Before recursion could hurt."""
    deep = workspace
    for _ in range(importer.DEPTH_MAX + 2):
        deep = deep / "d"
    deep.mkdir(parents=True)
    (deep / "x").touch()
    with pytest.raises(Refused, match="deeper"):
        import_tree(history, workspace, None)


def test_a_link_swapped_in_is_not_followed(history: History, workspace: Path) -> None:
    """A file that becomes a link between two looks is refused, not read."""
    first = import_tree(history, workspace, None)
    (workspace / "README").unlink()
    (workspace / "README").symlink_to("/etc/shadow")
    with pytest.raises(Refused, match="README is a symbolic link"):
        import_tree(history, workspace, first)


def test_a_folder_swapped_for_a_link_is_not_entered(history: History, workspace: Path) -> None:
    """Nor is a folder that became a link to one outside."""
    first = import_tree(history, workspace, None)
    (workspace / "src").rename(workspace / "was")
    (workspace / "src").symlink_to("/etc")
    with pytest.raises(Refused, match="src is a symbolic link"):
        import_tree(history, workspace, first)
