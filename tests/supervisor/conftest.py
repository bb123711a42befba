"""A history that was returned to, which a test may tamper with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.supervisor.grown import Grown, a_history, opened


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Grown:
    return a_history(tmp_path_factory.mktemp("plain"))


@pytest.fixture
def made(plain: Grown, tmp_path: Path) -> Iterator[Grown]:
    yield from opened(plain, tmp_path)
