"""A workspace writes whole files, keeps their modes, and follows no link."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from daemon.agent.workspace import Outside, Workspace
from tests.agent.powerless import powerless
from tests.agent.tool_case import kept


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return kept(tmp_path)


def test_a_write_is_whole_keeps_modes_and_leaves_what_is_linked(
    workspace: Workspace, tmp_path: Path
) -> None:
    """The old content of a file that is linked to elsewhere stays there."""
    outside = tmp_path / "outside"
    outside.write_text("theirs")
    os.link(outside, workspace.root / "linked")
    workspace.write("linked", "ours")
    assert (outside.read_text(), workspace.read("linked")) == ("theirs", "ours")
    (workspace.root / "a.py").chmod(0o755)
    workspace.write("a.py", "x\n")
    assert (workspace.root / "a.py").stat().st_mode & 0o777 == 0o755
    before = sorted(workspace.root.iterdir())
    (workspace.root / "folder").mkdir()
    with pytest.raises(Outside, match="no plain file"):
        workspace.write("folder", "x")
    (workspace.root / "folder").rmdir()
    assert sorted(workspace.root.iterdir()) == before


def test_walking_follows_no_link(workspace: Workspace, tmp_path: Path) -> None:
    """Links to folders and files are not listed; a folder reached by one is not entered."""
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/f").write_text("x")
    (workspace.root / "way").symlink_to(tmp_path / "secret")
    (workspace.root / "file").symlink_to(tmp_path / "secret/f")
    assert list(workspace.files()) == ["a.py"]
    assert list(workspace.files("way")) == []
    began = time.monotonic()
    os.mkfifo(workspace.root / "pipe")
    assert list(workspace.files()) == ["a.py"]
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(("where", "mode"), [("pkg", 0o644), ("pkg", 0), (".", 0o644), (".", 0)])
def test_a_folder_that_hides_its_files_changes_the_fingerprint(
    workspace: Workspace, where: str, mode: int
) -> None:
    """And ends nobody's run: it is looked through outside of tool calls, too."""
    workspace.write("pkg/m.py", "x = 1\n")
    with powerless():
        before, folder = workspace.fingerprint(), workspace.root / where
        folder.chmod(mode)
        try:
            assert workspace.fingerprint() != before
            assert "pkg/m.py" not in list(workspace.files())
            with pytest.raises(Outside):
                workspace.read("pkg/m.py")
        finally:
            folder.chmod(0o755)
        assert workspace.fingerprint() == before


def test_a_workspace_that_is_gone_is_told(workspace: Workspace) -> None:
    (workspace.root / "a.py").unlink()
    workspace.root.rmdir()
    assert list(workspace.files()) == []
    with pytest.raises(Outside, match="workspace itself"):
        workspace.read("a.py")
