"""Runs pytest inside a cell and reports each test by itself, on a descriptor of its own.

Started as a script by path, with nothing of org importable: it names no module of org.
"""

from __future__ import annotations

import json
import os
import sys
from typing import IO, Any

REPORT_FD = 5
KEY_BYTES_MAX = 64
OUTCOMES = {"passed": "passed", "failed": "failed", "skipped": "skipped"}


def reporter(out: IO[str], key: str) -> object:
    """One line a test that ended, in whichever phase; each begins with the key of this run.

    The key is no attribute of anything.
    """

    def say(**what: str) -> None:
        out.write(f"{key} {json.dumps(what)}\n")
        out.flush()

    class Reporter:
        def pytest_runtest_logreport(self, report: Any) -> None:
            bad = report.outcome != "passed"
            if report.when == "call" or bad:
                text = str(report.longrepr or "")[-2000:] if bad else ""
                # Expected to fail and passed: whoever expects that of it has weakened it.
                outcome = "skipped" if hasattr(report, "wasxfail") else OUTCOMES[report.outcome]
                say(id=report.nodeid, outcome=outcome, text=text)

        def pytest_collection_finish(self, session: Any) -> None:
            """Only when nothing but the ids is asked for: else what never ran had a result."""
            if session.config.option.collectonly:
                for item in session.items:
                    say(id=item.nodeid, outcome="collected")

        def pytest_collectreport(self, report: Any) -> None:
            if report.failed:
                say(id=report.nodeid, outcome="failed", text=str(report.longrepr)[-2000:])

    return Reporter()


def main() -> None:
    tree, arguments = sys.argv[1], sys.argv[2:]
    import hypothesis
    import pytest

    # Only now, so that nothing in the tree can stand in for these.
    sys.path.insert(0, tree)
    os.chdir(tree)
    # The same examples on every run: a verdict must not depend on luck.
    hypothesis.settings.register_profile("judge", derandomize=True, database=None, deadline=None)
    hypothesis.settings.load_profile("judge")
    os.set_inheritable(REPORT_FD, False)  # what tests start has nothing to report
    # Said here alone: what merely finds the descriptor and writes to it has reported nothing.
    key = os.read(REPORT_FD, KEY_BYTES_MAX).decode("ascii")
    with os.fdopen(REPORT_FD, "w") as out:
        code = pytest.main(arguments, plugins=[reporter(out, key)])
    sys.exit(int(code))


if __name__ == "__main__":
    main()
