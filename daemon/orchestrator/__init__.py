"""The program on :7001 and :7002."""

from __future__ import annotations


def main(argv: list[str]) -> int:
    from daemon.orchestrator.process import main as run

    return run(argv)
