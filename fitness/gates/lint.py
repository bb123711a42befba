"""The changed Python files satisfy main's linter settings."""

from __future__ import annotations

from fitness.subject import Subject
from fitness.verdict import Verdict, failed, passed
from ops.cell import Mount

NAME = "lint"
QUESTION = "Do the changed files satisfy main's linter?"
STAGE = "build"
LIMIT_SECONDS = 60.0
SERVED = False
SHOWN_MAX = 3


def judge(subject: Subject) -> Verdict:
    root, base = subject.job.candidate_dir, subject.job.base_dir
    files = [c.path for c in subject.changes() if c.path.endswith(".py") and c.status != "D"]
    if not files:
        return passed(NAME, "no Python file changed")
    ruff = str(subject.job.python.parent / "ruff")
    settings = (
        "--config",
        str(base / "pyproject.toml"),
        "--no-cache",
        "--output-format",
        "concise",
    )
    argv = (ruff, "check", "--quiet", *settings, "--", *files)
    mounts = (Mount(root, root), Mount(base, base))
    done = subject.cell(argv, mounts, LIMIT_SECONDS, directory=str(root))
    found = done.stdout.decode("utf-8", "replace").strip().splitlines()
    if done.exit == 0:
        return passed(NAME, f"{len(files)} files are clean")
    if not found:
        said = done.stderr.decode("utf-8", "replace").strip()
        return failed(NAME, f"the linter did not finish: {said[:200]}", stderr=said)
    return failed(NAME, "; ".join(found[:SHOWN_MAX]), findings=found)
