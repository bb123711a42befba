"""The table of attempts, printed where the tests are told of, whoever ran them."""

from __future__ import annotations

import pytest

from tests.attacks.ground import CELLS
from tests.attacks.table import ATTEMPTS, shown

_results: dict[str, list[bool]] = {}


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    path, _, name = report.nodeid.partition("::")
    if path.startswith("tests/attacks/") and (report.when == "call" or report.failed):
        _results.setdefault(name.partition("[")[0].partition("@")[0], []).append(report.passed)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not _results:
        return
    terminalreporter.section(f"attacks, on cells by {CELLS}")
    for row, (attempt, end) in ATTEMPTS.items():
        tried = [held for name in shown()[row] for held in _results.get(name, [])]
        told = f"{sum(tried)} of {len(tried)} held" if tried else "not tried"
        terminalreporter.write_line(f"{row:4} {told:16} {attempt} -> {end}")
