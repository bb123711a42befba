"""The linters are tests: ruff, mypy strict, and the shell scripts parse."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def run(*argv: str) -> None:
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_ruff_finds_nothing() -> None:
    run(sys.executable, "-m", "ruff", "check", ".")


def test_the_format_is_ruffs() -> None:
    run(sys.executable, "-m", "ruff", "format", "--check", ".")


def test_types_are_strict() -> None:
    run(sys.executable, "-m", "mypy")


@pytest.mark.parametrize("script", sorted((ROOT / "ops").glob("*.sh")), ids=lambda path: path.name)
def test_a_script_parses(script: Path) -> None:
    run("bash", "-n", str(script))
