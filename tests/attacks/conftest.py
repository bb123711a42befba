"""One instance under attack, its users, and a neighbour, for all attempts."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attacks.ground import CELLS, Ground, judged_beside, neighbour, under_attack, unharmed
from tests.journeys.instance import Home
from tests.load import Load
from tests.ops.engine import engine

PER_SECOND = 20
_beside: set[str] = set()


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    """Short, because sockets lie below it."""
    made = Path(tempfile.mkdtemp(prefix="org-attack-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(scope="session")
def ground(folder: Path) -> Iterator[Ground]:
    with contextlib.ExitStack() as held:
        if CELLS == "docker":
            held.enter_context(engine())
        yield held.enter_context(under_attack(folder))


@pytest.fixture(scope="session")
def beside(folder: Path) -> Iterator[Home]:
    with neighbour(folder / "beside") as made:
        yield made


@pytest.fixture(scope="session")
def users(ground: Ground) -> Iterator[Load]:
    with Load(f"http://127.0.0.1:{ground.home.current}/healthz", PER_SECOND) as load:
        yield load


@pytest.fixture
def attacked(
    request: pytest.FixtureRequest, ground: Ground, beside: Home, users: Load
) -> Iterator[Ground]:
    """The instance; whatever the test does to it, nobody else may notice.

    The neighbour judges beside the first attempt of each kind: judging takes its time.
    """
    name = request.function.__name__
    with contextlib.ExitStack() as others:
        others.enter_context(unharmed(ground, users))
        if name not in _beside:
            _beside.add(name)
            others.enter_context(judged_beside(beside))
        yield ground
