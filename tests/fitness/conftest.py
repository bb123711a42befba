"""One repo for all tests of the judge: its main is never changed, candidates are added."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fitness.case import Repo, make_repo


@pytest.fixture(scope="session")
def repo(tmp_path_factory: pytest.TempPathFactory) -> Repo:
    return make_repo(Path(tmp_path_factory.mktemp("judged")))
