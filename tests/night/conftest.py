"""Repos and homes for the journeys; short paths, because sockets live below them."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.instance import Home, copy_of_org


@pytest.fixture(scope="session")
def org_repo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """org's tree as it is on disk, as a clean repo; tests that change it copy it first."""
    return copy_of_org(tmp_path_factory.mktemp("org-repo"))


@pytest.fixture
def own_org_repo(org_repo: Path, tmp_path: Path) -> Path:
    """A copy of org's repo that the test may change."""
    return Path(shutil.copytree(org_repo, tmp_path / "repo"))


@pytest.fixture
def home() -> Iterator[Home]:
    """An empty home; removed afterwards."""
    directory = Path(tempfile.mkdtemp(prefix="org-home-"))
    try:
        yield Home(directory / "home")
    finally:
        shutil.rmtree(directory, ignore_errors=True)
