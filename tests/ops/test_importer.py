"""The importer takes plain files and refuses everything else by its path, running no git there."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ops import importer
from ops.errors import Refused
from ops.history import MAIN, History
from ops.importer import import_tree

MANY_FILES = 10_000
CHANGED_FILES = 10


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
