"""A trusted repo with a little history, its workspace, and cells of each kind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.history import MAIN, History
from ops.records import RefChange
from ops.worktree import copy_for_author
from tests.ops.cells import Maker
from tests.ops.engine import engine

FILES = {"README": b"hello\n", "src/a.py": b"A = 1\n", "src/b.py": b"B = 2\n"}


def commit_of(history: History, files: dict[str, bytes], parents: list[str], when: int = 1) -> str:
    import hashlib

    blobs = {hashlib.sha1(b"blob %d\0" % len(d) + d).hexdigest(): d for d in files.values()}
    history.write_blobs(blobs)
    by_data = {data: oid for oid, data in blobs.items()}
    tree = history.write_tree(("100644", by_data[data], path) for path, data in files.items())
    return history.commit(tree, parents, "a commit\n", when)


@pytest.fixture
def history(tmp_path: Path) -> History:
    made = History.create(tmp_path / "repo.git")
    made.move([RefChange(MAIN, commit_of(made, FILES, []), None)])
    return made


@pytest.fixture(
    scope="module", params=["bubblewrap", pytest.param("docker", marks=pytest.mark.docker)]
)
def cells(request: pytest.FixtureRequest) -> Iterator[Maker]:
    if request.param == "bubblewrap":
        yield Maker("bubblewrap", 0.0)
        return
    with engine():
        made = Maker("docker", 3.0)
        assert made.shell("true").exit == 0  # the image is made now, not in somebody's limit
        yield made


@pytest.fixture
def workspace(history: History, tmp_path: Path) -> Path:
    main = history.find(MAIN)
    assert main is not None
    return copy_for_author(history, main, tmp_path / "work")
