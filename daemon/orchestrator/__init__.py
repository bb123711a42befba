"""The program on :7001 and :7002."""

from __future__ import annotations

import sys


def main(argv: list[str]) -> int:
    # Two libraries import rich where it is installed, which costs a third of the start.
    sys.modules["rich"] = None  # type: ignore[assignment]
    from daemon.orchestrator.process import main as run

    return run(argv)
