"""A release is its commit's tree to the byte, under its name all at once or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops import worktree
from ops.errors import Failed
from ops.history import MAIN, History
from ops.loaded import MARKER
from tests.ops.conftest import FILES, commit_of


def test_a_release_holds_exactly_the_tree(history: History, tmp_path: Path) -> None:
    """Bytes as stored, whatever attributes ask for; a marker names the commit."""
    files = FILES | {".gitattributes": b"* eol=crlf ident\n", "x.txt": b"$Id$\nline\n"}
    commit = commit_of(history, files, [])
    root = worktree.export(history, commit, tmp_path / "release")
    assert {path: (root / path).read_bytes() for path in files} == files
    assert (root / MARKER).read_text().strip() == commit
    assert list((root / "src").glob("__pycache__/*.pyc"))


def test_a_release_that_is_there_is_kept(history: History, tmp_path: Path) -> None:
    """The second call writes nothing; one with another commit's marker is made anew."""
    commit = history.find(MAIN) or ""
    root = worktree.export(history, commit, tmp_path / "release")
    (root / "planted").write_text("still here")
    assert worktree.export(history, commit, root) == root
    assert (root / "planted").exists()
    (root / MARKER).write_text("0" * 40)
    worktree.export(history, commit, root)
    assert not (root / "planted").exists()


def test_a_torn_export_is_swept(history: History, tmp_path: Path) -> None:
    """What a killed process left under a temporary name disappears; releases stay."""
    root = worktree.export(history, history.find(MAIN) or "", tmp_path / "release")
    (tmp_path / ".tmp-torn-1234").mkdir()
    (tmp_path / ".tmp-torn-1234" / "half").write_text("x")
    worktree.sweep(tmp_path)
    assert not list(tmp_path.glob(".tmp-*"))
    assert root.exists()


def test_a_link_that_leaves_the_tree_is_refused(history: History, tmp_path: Path) -> None:
    """A repo may hold links, but none that points out of itself."""
    import hashlib

    for aim in (b"/etc/passwd", b"../../etc/passwd"):
        oid = hashlib.sha1(b"blob %d\0" % len(aim) + aim).hexdigest()
        history.write_blobs({oid: aim})
        tree = history.write_tree([("120000", oid, "link")])
        commit = history.commit(tree, [], "link\n", 1)
        with pytest.raises(Failed, match="leaves the tree"):
            worktree.export(history, commit, tmp_path / f"r{len(aim)}")
        assert not (tmp_path / f"r{len(aim)}").exists()
