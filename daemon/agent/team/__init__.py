"""The team: a lead plans, members work in parallel, results join in the plan's order."""

from __future__ import annotations


def main(argv: list[str]) -> int:
    from daemon.agent.team.process import main as work

    return work(argv)
