"""Repos and homes for the journeys; short paths, because sockets live below them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.instance import ROOT, Home, copy_of_org, slim_org

MODEL_SECONDS = 900.0  # it may have to be fetched


@pytest.fixture(scope="session")
def whole_org_repo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """org's tree as it is on disk, with all its tests, as a clean repo."""
    return copy_of_org(tmp_path_factory.mktemp("org-repo"))


@pytest.fixture(scope="session")
def org_repo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with few tests; whoever changes it copies it first."""
    return slim_org(tmp_path_factory.mktemp("org-repo"))


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


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The packaged coder model, as `ops/run.sh --model local` starts it."""
    record = tmp_path_factory.mktemp("model") / "model.json"
    boot = [sys.executable, "-I", str(ROOT / "ops/boot.py"), "ops.local_model"]
    subprocess.run([*boot, "start", str(record)], check=True, timeout=MODEL_SECONDS)
    try:
        yield json.loads(record.read_text())
    finally:
        subprocess.run([*boot, "stop", str(record)], check=True)
