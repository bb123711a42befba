"""Pytest files that the author never saw, run on the candidate's tree; every test must pass.

Why: `exit 0` alone is what code that ends the process early gives as well. So each test reports
by itself, and the tests that must report are read from the files, not from the run.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from fitness.controls import drawn
from fitness.subject import Subject
from fitness.trial import ENVIRONMENT, REPORTER, REPORTER_INSIDE, Trial, controlled, reported
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
    # A skip or an expected failure is as good as none: the code that is tried can ask for either.
    bad = [test for test, outcome in trial.results.items() if outcome != "passed"]
    if bad:
        how = trial.results[bad[0]]
        return failed(name, f"{bad[0]} {how}", output=trial.output(), tests=bad)
    told = {_function(test) for test in trial.results}
    if missing := sorted(wanted - told):
        text = f"{missing[0]} never reported: the run ended early"
        return failed(name, text, output=trial.output(), tests=missing)
    if trial.forged:
        return failed(name, "the run's own controls did not fail", output=trial.output())
    if trial.ended.exit != 0:
        return failed(name, "the acceptance tests did not end well", output=trial.output())
    return passed(name, f"{len(trial.results)} hidden tests pass", output=trial.output())


def expected(files: Mapping[str, str]) -> set[str]:
    """`file::function` of every test, as the files say."""
    found = set()
    for path, text in files.items():
        if not _is_of_tests(path):
            continue
        name = PurePosixPath(path).name
        tree = ast.parse(text)
        scopes = [tree.body, *(node.body for node in tree.body if isinstance(node, ast.ClassDef))]
        for node in (one for body in scopes for one in body):
            if isinstance(node, FUNCTIONS) and node.name.startswith("test"):
                found.add(f"{name}::{node.name}")
    return found


def _is_of_tests(path: str) -> bool:
    name = PurePosixPath(path).name
    return name.endswith("_test.py") or (name.startswith("test_") and name.endswith(".py"))


def _function(test: str) -> str:
    """`file::function` of a reported id, without its class and its parameters."""
    path, *rest = test.split("[", 1)[0].split("::")
    return f"{PurePosixPath(path).name}::{rest[-1] if rest else ''}"


def _run(subject: Subject, name: str, files: Mapping[str, str], seconds: float) -> Trial:
    scratch = subject.scratch(f"{name}-tests")
    copy, answers = scratch / "tree", scratch / "acceptance"
    subject.copy(copy)
    for path, text in {"conftest.py": SOURCES, **files}.items():
        inside = PurePosixPath(path)
        if inside.is_absolute() or ".." in inside.parts:
            continue
        (answers / inside).parent.mkdir(parents=True, exist_ok=True)
        (answers / inside).write_text(text)
    controls = drawn()
    controls.lay(answers)
    targets = [str(ANSWERS / path) for path in sorted(files) if _is_of_tests(path)]
    mounts = (
        Mount(copy, TREE, writable=True),
        Mount(answers, ANSWERS),
        Mount(REPORTER, REPORTER_INSIDE),
    )
    python = str(subject.job.python)
    argv = (
        python,
        "-I",
        str(REPORTER_INSIDE),
        str(TREE),
        *FLAGS,
        *targets,
        str(ANSWERS / controls.file),
    )
    try:
        run = {"directory": str(TREE), "environment": ENVIRONMENT}
        return controlled(reported(subject, argv, mounts, seconds, **run), controls)
    finally:
        remove_tree(scratch)
