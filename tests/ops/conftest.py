"""A trusted repo with a little history."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops.history import MAIN, History
from ops.records import RefChange

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
