"""One goal of the benchmark, and the truth about a tree that claims to have reached it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from daemon.core.aim import likely_file

TRUTH_SECONDS = 120
TESTS = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "--no-header", "--tb=short")
NO_TESTS = 5  # pytest's exit code when it found none
ENVIRONMENT = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", "LANG": "C.UTF-8"}


@dataclass(frozen=True)
class Goal:
    folder: Path

    @property
    def text(self) -> str:
        return (self.folder / "goal.txt").read_text()

    @property
    def repo(self) -> Path:
        return self.folder / "repo"

    @property
    def module(self) -> str:
        """The one file to change; guessed alike for everybody when the goal does not name it."""
        named = self.folder / "module"
        if named.is_file():
            return named.read_text().strip()
        paths = [path for path in self.repo.rglob("*.py") if path.is_file()]
        files = {str(path.relative_to(self.repo)): path.read_text() for path in paths}
        return likely_file(self.text, files) or min(files, default="main.py")


def goals_in(folder: Path) -> list[Goal]:
    return [Goal(path.parent) for path in sorted(folder.glob("*/goal.txt"))]


@dataclass(frozen=True)
class Truth:
    """Visible and hidden tests on one tree; `said` is what the visible ones printed."""

    visible: bool
    hidden: bool
    said: str

    @property
    def reached(self) -> bool:
        return self.visible and self.hidden


def judge(goal: Goal, tree: Path) -> Truth:
    """The plain truth, by nobody's machinery but pytest's own exit codes."""
    visible = _pytest(tree, ".")
    with tempfile.TemporaryDirectory(prefix="truth-") as name:
        answers = Path(name) / "acceptance"
        shutil.copytree(goal.folder / "acceptance", answers)
        hidden = _pytest(tree, str(answers))
    said = visible.stdout[-3000:]
    return Truth(visible.returncode in (0, NO_TESTS), hidden.returncode == 0, said)


def _pytest(tree: Path, target: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, *TESTS, target]
    environment = ENVIRONMENT | {"PYTHONPATH": f"{tree}:{tree / 'src'}"}
    try:
        return subprocess.run(
            argv,
            cwd=tree,
            env=environment,
            capture_output=True,
            text=True,
            timeout=TRUTH_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(argv, 1, "it was not done in time", "")


def with_module(goal: Goal, text: str, target: Path) -> Path:
    """The goal's repo in `target`, with its one file replaced."""
    shutil.copytree(goal.repo, target, dirs_exist_ok=True)
    (target / goal.module).write_text(text)
    return target
