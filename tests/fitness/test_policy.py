"""What a candidate may touch."""

from __future__ import annotations

import pytest

from fitness.policy import is_protected, mixed, needs_approval

PROTECTED = [
    "fitness/jury.py",
    "daemon/supervisor/cycle.py",
    "daemon/broker/doors.py",
    "ops/cell.py",
    "ops/requirements.lock",
    "systemd/org.service",
    "vm/build.py",
    ".ci/run",
    "pyproject.toml",
]
FREE = ["daemon/agent/loop.py", "daemon/orchestrator/app.py", "tests/core/test_x.py", "README.md"]


@pytest.mark.parametrize("path", PROTECTED)
def test_the_judge_and_the_walls_are_protected(path: str) -> None:
    """What judges, contains or installs waits for a person."""
    assert is_protected(path)
    assert needs_approval([FREE[0], path])


@pytest.mark.parametrize("path", FREE)
def test_the_program_and_its_tests_are_free(path: str) -> None:
    """Everything else may be promoted without a person."""
    assert not is_protected(path)
    assert not needs_approval([path])


def test_protected_and_free_paths_do_not_mix() -> None:
    """A change is of one kind, so that who approves sees just that."""
    assert mixed(FREE) is None
    assert mixed(PROTECTED) is None
    assert mixed([FREE[0], PROTECTED[0], FREE[1]]) == (PROTECTED[0], FREE[0])
    assert mixed([]) is None
