"""Builds, boots and proves the guest: `boot.py vm VERB …`, which `orgctl vm` calls."""

from __future__ import annotations


def main(argv: list[str]) -> int:
    from vm.verbs import main as run

    return run(argv)
