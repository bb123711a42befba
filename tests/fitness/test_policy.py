"""What a candidate may touch."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from fitness.policy import is_protected, mixed

ROOT = Path(__file__).resolve().parents[2]
TRUSTED = (
    "daemon.supervisor.keeper",
    "daemon.supervisor.process",
    "daemon.broker.process",
    "fitness.jury",
    "ops.boot",
)
PROTECTED = [
    "fitness/jury.py",
    "daemon/supervisor/cycle.py",
    "daemon/broker/doors.py",
    "daemon/core/promotion.py",
    "daemon/state/journal.py",
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


@pytest.mark.parametrize("path", FREE)
def test_the_program_and_its_tests_are_free(path: str) -> None:
    """Everything else may be promoted without a person."""
    assert not is_protected(path)


def test_all_that_the_trusted_load_is_protected() -> None:
    """A change of a module that supervisor, broker or jury import is a change of those."""
    asked = list(TRUSTED)
    known: set[str] = set()
    while asked:
        module = asked.pop()
        for path in _files(module):
            if path not in known:
                known.add(path)
                asked += _imported(path)
    assert len(known) > 20
    assert [path for path in sorted(known) if not is_protected(path)] == []


def _files(module: str) -> list[str]:
    """The module's file and those of the packages around it, where they are ours."""
    parts = module.split(".")
    found = [
        Path(*parts).with_suffix(".py"),
        *(Path(*parts[:n]) / "__init__.py" for n in (1, 2, 3)),
    ]
    return [str(path) for path in found if (ROOT / path).is_file()]


def _imported(path: str) -> list[str]:
    names = []
    for node in ast.walk(ast.parse((ROOT / path).read_bytes())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return names


def test_protected_and_free_paths_do_not_mix() -> None:
    """A change is of one kind, so that who approves sees just that."""
    assert mixed(FREE) is None
    assert mixed(PROTECTED) is None
    assert mixed([FREE[0], PROTECTED[0], FREE[1]]) == (PROTECTED[0], FREE[0])
    assert mixed([]) is None
    assert mixed(["tests/core/test_x.py", PROTECTED[0], "tests/ops/test_x.py"]) is None
    assert mixed(["tests/core/test_x.py", FREE[0]]) is None
