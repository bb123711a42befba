"""The one process with keys and egress: model calls in, metered, recorded, replayed."""

from __future__ import annotations


def main(argv: list[str]) -> int:
    from daemon.broker.process import main as run

    return run(argv)
