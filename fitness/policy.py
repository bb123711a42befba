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
TESTS = "tests/"  # they go with whatever they test
# The only folders that hold Python; elsewhere a file could stand in for a library.
ROOMS = frozenset({"ops", "fitness", "daemon", "systemd", "vm", "tests"})
# What serves and judges another repo; its people change it themselves.
REPO_JUDGE = frozenset({"org.toml"})
REPO_GOALS = "goals/"  # what is wanted, and how its success is told


def is_protected(path: str) -> bool:
    return path.startswith(PROTECTED)


def is_below(path: str, folders: Iterable[str]) -> bool:
    """Whether it is one of these, or lies in one."""
    return any(path == one or path.startswith(f"{one}/") for one in folders)


def mixed(paths: Iterable[str]) -> tuple[str, str] | None:
    """A protected and an unprotected path of one change; None when it is all of one kind."""
    protected = plain = None
    for path in paths:
        if path.startswith(TESTS):
            continue
        if is_protected(path):
            protected = protected or path
        else:
            plain = plain or path
    return (protected, plain) if protected and plain else None
