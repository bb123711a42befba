"""Pytest files that the author never saw, run on the candidate's tree; every test must pass.

Why: `exit 0` alone is what code that ends the process early gives as well. So each test reports
by itself, and the tests that must report are read from the files, not from the run.
"""

from __future__ import annotations

import ast
import shutil
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from fitness.subject import Subject
from fitness.trial import ENVIRONMENT, REPORTER, REPORTER_INSIDE, Trial, reported
from fitness.verdict import Verdict, failed, passed
from ops.cell import Mount
from ops.files import remove_tree

TREE, ANSWERS = Path("/workspace"), Path("/acceptance")
FLAGS = ("-q", "-p", "no:cacheprovider", f"--rootdir={ANSWERS}", f"--confcutdir={ANSWERS}")
SOURCES = 'import sys\n\nsys.path[:0] = ["/workspace", "/workspace/src"]\n'
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def by_tests(subject: Subject, name: str, files: Mapping[str, str], seconds: float) -> Verdict:
    """Every test of `files` reported a pass, and nothing else did."""
    wanted = expected(files)
    if not wanted:
        return failed(name, "the goal's acceptance holds no test")
    trial = _run(subject, name, files, seconds)
    bad = [test for test, outcome in trial.results.items() if outcome == "failed"]
    if bad:
        return failed(name, f"{bad[0]} failed", output=trial.output(), tests=bad)
    told = {_function(test) for test in trial.results}
    if missing := sorted(wanted - told):
        text = f"{missing[0]} never reported: the run ended early"
        return failed(name, text, output=trial.output(), tests=missing)
    if trial.ended.exit != 0 or "passed" not in trial.results.values():
        return failed(name, "the acceptance tests did not end well", output=trial.output())
    return passed(name, f"{len(trial.results)} hidden tests pass", output=trial.output())


def expected(files: Mapping[str, str]) -> set[str]:
    """`file::function` of every test, as the files say."""
    found = set()
    for path, text in files.items():
        name = PurePosixPath(path).name
        if not (name.startswith("test_") or name.endswith("_test.py")):
            continue
        tree = ast.parse(text)
        scopes = [tree.body, *(node.body for node in tree.body if isinstance(node, ast.ClassDef))]
        for node in (one for body in scopes for one in body):
            if isinstance(node, FUNCTIONS) and node.name.startswith("test"):
                found.add(f"{name}::{node.name}")
    return found


def _function(test: str) -> str:
    """`file::function` of a reported id, without its class and its parameters."""
    path, *rest = test.split("[", 1)[0].split("::")
    return f"{PurePosixPath(path).name}::{rest[-1] if rest else ''}"


def _run(subject: Subject, name: str, files: Mapping[str, str], seconds: float) -> Trial:
    scratch = subject.scratch(f"{name}-tests")
    copy, answers = scratch / "tree", scratch / "acceptance"
    shutil.copytree(subject.job.candidate_dir, copy, symlinks=True)
    for path, text in {"conftest.py": SOURCES, **files}.items():
        inside = PurePosixPath(path)
        if inside.is_absolute() or ".." in inside.parts:
            continue
        (answers / inside).parent.mkdir(parents=True, exist_ok=True)
        (answers / inside).write_text(text)
    mounts = (
        Mount(copy, TREE, writable=True),
        Mount(answers, ANSWERS),
        Mount(REPORTER, REPORTER_INSIDE),
    )
    python = str(subject.job.python)
    argv = (python, "-I", str(REPORTER_INSIDE), str(TREE), *FLAGS, str(ANSWERS))
    try:
        return reported(
            subject, argv, mounts, seconds, directory=str(TREE), environment=ENVIRONMENT
        )
    finally:
        remove_tree(scratch)
