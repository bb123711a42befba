"""The changed modules compile and import, in a cell.

Why: a module that cannot be imported fails every later gate in a way
that is harder to read.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from fitness.subject import Subject
from fitness.verdict import Verdict, failed, passed
from ops.cell import Mount

NAME = "build"
QUESTION = "Do the changed modules compile and import?"
STAGE = "build"
LIMIT_SECONDS = 60.0
SERVED = False
PACKAGES = ("ops", "fitness", "daemon", "vm")
IMPORT = """
import importlib, sys
sys.path.insert(0, sys.argv[1])
for name in sys.argv[2:]:
    importlib.import_module(name)
    print(name)
"""


def module_of(path: str) -> str | None:
    """`daemon/core/plan.py` -> `daemon.core.plan`; None for what is no module of ours."""
    pure = PurePosixPath(path)
    if pure.suffix != ".py" or pure.parts[0] not in PACKAGES:
        return None
    parts = pure.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def judge(subject: Subject) -> Verdict:
    root = subject.job.candidate_dir
    changed = [change.path for change in subject.changes() if change.status != "D"]
    for path in changed:
        if path.endswith(".py") and (reason := _broken(subject, path)):
            return failed(NAME, f"{path} does not compile: {reason}", path=path)
    modules = tuple(filter(None, map(module_of, changed)))
    if not modules:
        return passed(NAME, "no module of the program changed")
    python = str(subject.job.python)
    argv = (python, "-I", "-c", IMPORT, str(root), *modules)
    done = subject.cell(argv, (Mount(root, root),), LIMIT_SECONDS)
    imported = done.stdout.decode("utf-8", "replace").split()
    if done.exit != 0 or imported != list(modules):
        missing = next((name for name in modules if name not in imported), modules[-1])
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        reason = said[-1] if said else f"it ended with {done.exit} before it was done"
        return failed(NAME, f"{missing} cannot be imported: {reason}", stderr=said[-50:])
    return passed(NAME, f"{len(modules)} modules import", modules=list(modules))


def _broken(subject: Subject, path: str) -> str | None:
    """Compiling runs nothing of the file."""
    try:
        compile((subject.job.candidate_dir / path).read_bytes(), path, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError) as error:
        return str(error)
    return None
