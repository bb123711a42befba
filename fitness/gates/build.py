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
BROKEN = 3  # the exit code of a file that does not compile
# Everything is compiled before the first line of the candidate runs. It happens in the
# cell too: a compiler that is crashed by its input must not take the jury along.
SCRIPT = """
import importlib, sys, warnings
root, rest = sys.argv[1], sys.argv[2:]
middle = rest.index("--")
warnings.simplefilter("ignore")
for path in rest[:middle]:
    try:
        with open(f"{root}/{path}", "rb") as source:
            compile(source.read(), path, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        print(f"{path} does not compile: {error}", file=sys.stderr)
        sys.exit(3)
sys.path.insert(0, root)
for name in rest[middle + 1:]:
    importlib.import_module(name)
    print(f"imported {name}", flush=True)
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
    sources = [path for path in changed if path.endswith(".py")]
    modules = tuple(filter(None, map(module_of, sources)))
    if not sources:
        return passed(NAME, "no Python file changed")
    python = str(subject.job.python)
    argv = (python, "-I", "-c", SCRIPT, str(root), *sources, "--", *modules)
    done = subject.cell(argv, (Mount(root, root),), LIMIT_SECONDS)
    said = done.stderr.decode("utf-8", "replace").strip().splitlines()
    if done.exit == BROKEN and said:
        return failed(NAME, said[-1], stderr=said[-50:])
    told = done.stdout.decode("utf-8", "replace").splitlines()
    missing = [name for name in modules if f"imported {name}" not in told]
    if missing or done.exit != 0:
        reason = said[-1] if said else f"it ended with {done.exit} before it was done"
        what = f"{missing[0]} cannot be imported" if missing else "the build did not end well"
        return failed(NAME, f"{what}: {reason}", stderr=said[-50:])
    return passed(NAME, f"{len(modules)} modules import", modules=list(modules))
