"""The importer takes plain files and refuses everything else by its path, running no git there."""

from __future__ import annotations

import os
import socket
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ops import importer
from ops.errors import Refused
from ops.history import MAIN, History
from ops.importer import import_tree
from ops.worktree import copy_for_author

MANY_FILES = 10_000
CHANGED_FILES = 10


@pytest.fixture
def workspace(history: History, tmp_path: Path) -> Path:
    main = history.find(MAIN)
    assert main is not None
    return copy_for_author(history, main, tmp_path / "work")


def test_an_untouched_copy_is_the_same_tree(history: History, workspace: Path) -> None:
    """What was copied out comes back in, to the byte and the mode."""
    main = history.find(MAIN) or ""
    assert import_tree(history, workspace, None).tree == history.tree(main)


def test_edits_modes_and_removals_are_seen(history: History, workspace: Path) -> None:
    """A second look reads only what changed, and sees all of it."""
    first = import_tree(history, workspace, None)
    (workspace / "src/a.py").write_bytes(b"A = 3\n")
    (workspace / "src/b.py").unlink()
    (workspace / "tool").write_bytes(b"#!/bin/sh\n")
    (workspace / "tool").chmod(0o755)
    second = import_tree(history, workspace, first)
    found = {one.path: one.mode for one in history.listing(second.tree)}
    assert found == {"README": "100644", "src/a.py": "100644", "tool": "100755"}
    assert second.tree == import_tree(history, workspace, None).tree


def test_droppings_of_tools_are_no_part_of_a_change(history: History, workspace: Path) -> None:
    """Caches, compiled files and the author's own git folder are passed over."""
    before = import_tree(history, workspace, None).tree
    for name in (
        ".git/config",
        "src/__pycache__/a.cpython-311.pyc",
        ".pytest_cache/x",
        "src/x.pyc",
    ):
        path = workspace / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    assert import_tree(history, workspace, None).tree == before


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


NAMES = st.text(min_size=1, max_size=12).filter(
    lambda name: "/" not in name and "\0" not in name and name not in (".", "..")
)


@settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(names=st.lists(NAMES, min_size=1, max_size=4, unique=True))
def test_any_names_are_imported_exactly_or_refused(
    history: History, tmp_path_factory: pytest.TempPathFactory, names: list[str]
) -> None:
    """No name is changed on the way: the tree holds just these files, or there is a refusal."""
    root = tmp_path_factory.mktemp("names")
    for name in names:
        try:
            (root / name).write_bytes(name.encode("utf-8", "surrogatepass"))
        except (OSError, UnicodeEncodeError):
            return
    try:
        tree = import_tree(history, root, None).tree
    except Refused:
        return
    kept = {name for name in names if not (name.endswith(".pyc") or name in importer.DROPPINGS)}
    kept -= importer.DROPPINGS_AT_TOP
    assert {one.path for one in history.listing(tree)} == kept


# Trees of plain files: parts are few, so that files and folders meet under one name.
PARTS = st.sampled_from(["a", "b", "deep", "with space", "\u4e2d", ".hidden", "x.py", "-rf", "%0a"])
CONTENTS = st.binary(max_size=64) | st.sampled_from([b"", b"same\n", b"\r\n", b"\0"])
TREES = st.dictionaries(
    st.lists(PARTS, min_size=1, max_size=4).map("/".join),
    st.tuples(CONTENTS, st.booleans()),
    max_size=8,
)


def _lay(root: Path, files: dict[str, tuple[bytes, bool]]) -> dict[str, tuple[str, bytes]]:
    """What could be laid on disk: where a file is in a folder's way, the first one stays."""
    laid: dict[str, tuple[str, bytes]] = {}
    for path, (data, runs) in files.items():
        try:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(data)
        except OSError:
            continue
        (root / path).chmod(0o755 if runs else 0o644)
        laid[path] = ("100755" if runs else "100644", data)
    return laid


@settings(
    max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(files=TREES, later=TREES, gone=st.integers(0, 8))
def test_any_tree_of_plain_files_comes_back(
    history: History,
    tmp_path_factory: pytest.TempPathFactory,
    files: dict[str, tuple[bytes, bool]],
    later: dict[str, tuple[bytes, bool]],
    gone: int,
) -> None:
    """To the byte and the mode; and a second look after any edits is as good as a first one."""
    root = tmp_path_factory.mktemp("tree")
    laid = _lay(root, files)
    first = import_tree(history, root, None)
    assert _held(history, first.tree) == laid
    for path in list(laid)[:gone]:
        (root / path).unlink()
    laid = dict(list(laid.items())[gone:]) | _lay(root, later)
    second = import_tree(history, root, first)
    assert _held(history, second.tree) == laid
    assert second.tree == import_tree(history, root, None).tree


def _held(history: History, tree: str) -> dict[str, tuple[str, bytes]]:
    found = history.listing(tree)
    blobs = history.blobs([one.oid for one in found])
    return {one.path: (one.mode, data) for one, data in zip(found, blobs, strict=True)}


def test_a_tree_that_changes_under_the_eye_is_whole_or_refused(
    history: History, workspace: Path, tmp_path: Path
) -> None:
    """A name that is now a file, now a link, now a folder never leads outside."""
    (tmp_path / "secret").write_bytes(b"canary")
    over = threading.Event()

    def swap() -> None:
        name = workspace / "swapped"
        while not over.is_set():
            name.write_bytes(b"plain")
            name.unlink()
            name.symlink_to(tmp_path / "secret")
            name.unlink()
            name.symlink_to(tmp_path)
            name.unlink()
            name.mkdir()
            name.rmdir()

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        for _ in range(20):
            try:
                tree = import_tree(history, workspace, None).tree
            except Refused:
                continue
            held = _held(history, tree)
            assert b"canary" not in {data for _, data in held.values()}
            assert set(held) <= {"README", "src/a.py", "src/b.py", "swapped"}
    finally:
        over.set()
        thread.join()


def test_a_second_look_at_many_files_is_quick(history: History, tmp_path: Path) -> None:
    """10,000 files of which 10 changed are all there again; how fast is the benchmark's to say."""
    root = tmp_path / "many"
    for number in range(MANY_FILES):
        folder = root / f"d{number % 100}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"f{number}").write_bytes(b"%d\n" % (number % 50))
    first = import_tree(history, root, None)
    assert len(first.files) == MANY_FILES
    for number in range(CHANGED_FILES):
        (root / f"d{number % 100}" / f"f{number}").write_bytes(b"changed\n")
    second = import_tree(history, root, first)
    changed = {path for path, file in second.files.items() if file != first.files[path]}
    assert len(changed) == CHANGED_FILES
