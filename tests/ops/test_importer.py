"""The importer takes plain files and refuses everything else by its path, running no git there."""

from __future__ import annotations

import os
import socket
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


HOSTILE: dict[str, Callable[[Path], None]] = {
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
