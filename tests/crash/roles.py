"""Which part of an instance a process is, by its command line."""

from __future__ import annotations

DOORS = frozenset({"current", "candidate"})
ROLES = {
    "keeper": "daemon.supervisor.keeper",
    "supervisor": "daemon.supervisor.process",
    "broker": "daemon.broker",
    "author": "daemon.agent.author",
    "jury": "fitness.jury",
    "git": "--git-dir",
    "service": "python3 service.py",
}


def role(argv: str) -> str:
    return next((name for name, mark in ROLES.items() if mark in argv), "other")
