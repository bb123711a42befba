"""One instance under attack, its users, and a neighbour, for all attempts; the table at the end."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attacks.ground import Ground, judged_beside, neighbour, under_attack, unharmed
from tests.attacks.table import ATTEMPTS, shown
from tests.journeys.instance import Home
from tests.load import Load

PER_SECOND = 20
_beside: set[str] = set()
_results: dict[str, list[bool]] = {}


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    """Short, because sockets lie below it."""
    made = Path(tempfile.mkdtemp(prefix="org-attack-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(scope="session")
def ground(folder: Path) -> Iterator[Ground]:
    with under_attack(folder) as made:
        yield made


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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Iterator[pytest.TestReport]:
    report: pytest.TestReport = yield  # type: ignore[misc]
    name = getattr(item, "originalname", item.name)
    if report.when == "call" or report.failed:
        _results.setdefault(name, []).append(report.passed)
    return report  # type: ignore[return-value]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not _results:
        return
    terminalreporter.section("attacks")
    for row, (attempt, end) in ATTEMPTS.items():
        tried = [held for name in shown()[row] for held in _results.get(name, [])]
        told = f"{sum(tried)} of {len(tried)} held" if tried else "not tried"
        terminalreporter.write_line(f"{row:4} {told:16} {attempt} -> {end}")
