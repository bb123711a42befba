"""The room: one person and several agents, each with a persona and a model."""

from __future__ import annotations


def main(argv: list[str]) -> int:
    from daemon.agent.room.process import main as talk

    return talk(argv)
