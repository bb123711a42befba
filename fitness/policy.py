"""What a candidate may touch. Pure."""

from __future__ import annotations

from collections.abc import Iterable

# What judges, contains or installs, and all that runs in the same processes: a change of
# these waits for a person, and may hold nothing else, so that the person sees just that.
PROTECTED = (
    "fitness/",
    "daemon/__init__.py",
    "daemon/supervisor/",
    "daemon/broker/",
    "daemon/core/",
    "daemon/state/",
    "ops/",
    "systemd/",
    "vm/",
    ".ci/",
    "pyproject.toml",
)
# The only folders that hold Python; elsewhere a file could stand in for a library.
ROOMS = frozenset({"ops", "fitness", "daemon", "systemd", "vm", "tests"})
# What serves and judges another repo; its people change it themselves.
REPO_JUDGE = frozenset({"org.toml"})
REPO_GOALS = "goals/"  # what is wanted, and how its success is told


def is_protected(path: str) -> bool:
    return path.startswith(PROTECTED)


def needs_approval(paths: Iterable[str]) -> bool:
    return any(is_protected(path) for path in paths)


def mixed(paths: Iterable[str]) -> tuple[str, str] | None:
    """A protected and an unprotected path of one change; None when it is all of one kind."""
    protected = plain = None
    for path in paths:
        if is_protected(path):
            protected = protected or path
        else:
            plain = plain or path
    return (protected, plain) if protected and plain else None
