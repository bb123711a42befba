"""The candidate's types hold, by main's settings.

Why: a wrong type is a fault on a path that no test walks yet. What main fails with
itself is not the candidate's fault. Each commit's cache is kept, so that the next
candidate on top of it is checked in a moment.
"""

from __future__ import annotations

import os
import re
import shutil
import tomllib
from pathlib import Path

from fitness.subject import Subject
from fitness.trial import SETTINGS
from fitness.verdict import Verdict, failed, passed
from ops.cell import Mount, Outcome
from ops.files import remove_tree

NAME = "types"
QUESTION = "Do the types hold?"
STAGE = "build"
LIMIT_SECONDS = 180.0  # the first time, for the candidate and for main
SERVED = False
RUN_SECONDS = 80.0
TREE, CACHE = Path("/tree"), Path("/cache")
CACHES_MAX = 4
SHOWN_MAX = 3
CLEAN, WRONG, UNREADABLE = 0, 1, 2  # mypy's exit codes; any other is no run
FAULT = re.compile(r"^(?P<path>[^:]+):(?P<line>\d+): error: (?P<said>.+)$")


def judge(subject: Subject) -> Verdict:
    job = subject.job
    if not any(change.path.endswith(".py") for change in subject.changes()) and job.goal:
        return passed(NAME, "no Python file changed")
    done = _check(subject, job.candidate_dir, job.commit)
    if done.exit == CLEAN:
        return passed(NAME, "no fault was found")
    said = (done.stdout + done.stderr).decode("utf-8", "replace").strip()
    if done.exit not in (WRONG, UNREADABLE) or not _faults(done):
        how = f"its {done.limit} limit" if done.limit else f"exit {done.exit}"
        return failed(NAME, f"the type checker did not finish: {how}", output=said[-20_000:])
    known = set(_faults(_check(subject, job.base_dir, job.base)))
    new = {fault: line for fault, line in _faults(done).items() if fault not in known}
    if not new:
        return passed(NAME, f"no fault but the {len(known)} that main has too")
    shown = [f"{path}:{line}: {text}" for (path, text), line in new.items()]
    return failed(NAME, "; ".join(shown[:SHOWN_MAX]), faults=shown)


def _faults(done: Outcome) -> dict[tuple[str, str], str]:
    """(path, what is wrong) -> line; a fault that only moved is the same fault."""
    found = map(FAULT.match, done.stdout.decode("utf-8", "replace").splitlines())
    return {(hit["path"], hit["said"]): hit["line"] for hit in found if hit}


def _check(subject: Subject, root: Path, commit: str) -> Outcome:
    """mypy on one tree; it reads the code and never runs it, so its cache may be kept."""
    settings = subject.job.base_dir / SETTINGS
    kept = subject.baselines / f"{NAME}-{commit}"
    cache = subject.scratch(NAME) / "cache"
    before = next(
        (c for c in (kept, kept.with_name(f"{NAME}-{subject.job.base}")) if c.exists()), None
    )
    shutil.copytree(before, cache) if before else cache.mkdir()
    mounts = (
        Mount(root, TREE),
        Mount(settings, TREE / SETTINGS),
        Mount(cache, CACHE, writable=True),
    )
    try:
        done = subject.cell(
            _argv(subject, root, settings), mounts, RUN_SECONDS, directory=str(TREE)
        )
        if done.exit in (CLEAN, WRONG):
            _keep(cache, kept)
    finally:
        remove_tree(cache.parent)
    return done


def _argv(subject: Subject, root: Path, settings: Path) -> tuple[str, ...]:
    table = tomllib.loads(settings.read_text(encoding="utf-8"))
    names = table.get("tool", {}).get("mypy", {}).get("packages", [])
    packages = [f"--package={name}" for name in names if (root / name).is_dir()]
    flags = ("--no-error-summary", "--no-color-output", "--hide-error-context", "--no-pretty")
    where = ("--config-file", str(TREE / SETTINGS), "--cache-dir", str(CACHE))
    return (str(subject.job.python), "-I", "-m", "mypy", *flags, *where, *packages)


def _keep(cache: Path, kept: Path) -> None:
    """The newest few, each by its commit."""
    remove_tree(kept)
    cache.rename(kept)
    os.utime(kept)  # a copy bears the time of what it was copied from
    caches = sorted(kept.parent.glob(f"{NAME}-*"), key=lambda path: path.stat().st_mtime)
    for old in caches[:-CACHES_MAX]:
        remove_tree(old)
