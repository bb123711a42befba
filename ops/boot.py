"""How every program of org starts: `python -I <root>/ops/boot.py MODULE [ARGS…]`.

The root is computed once from this very file and put first, so that a release can
run no code but its own, whatever the environment or the working directory say.
"""

from __future__ import annotations

import importlib
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))  # noqa: PTH120
INTERRUPTED = 130
CLI = "ops.orgctl"


def enter() -> None:
    """Put the release's own root first, and read which commit it is before anything else."""
    here = os.path.dirname(os.path.realpath(__file__))  # noqa: PTH120
    sys.path[:] = [ROOT, *(entry for entry in sys.path if entry not in (here, ROOT, ""))]
    importlib.import_module("ops.loaded")
    if "ORG_FAULT" in os.environ and os.path.isdir(f"{ROOT}/tests"):  # noqa: PTH112
        importlib.import_module("tests.crash.arming").arm()


def run(module: str, argv: list[str]) -> int:
    """The module's `main(argv)`; trouble becomes one sentence and an exit code."""
    from ops.errors import Trouble

    try:
        return int(importlib.import_module(module).main(argv))
    except Trouble as trouble:
        print(f"{module.rsplit('.', 1)[-1]}: {trouble.message}", file=sys.stderr)
        if trouble.hint:
            print(f"  {trouble.hint}", file=sys.stderr)
        return int(trouble.code)
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as bug:
        if module != CLI:
            raise
        return _told(bug)


def _told(bug: Exception) -> int:
    """A bug of orgctl itself: one sentence for the person, the whole of it in a file."""
    import tempfile
    import traceback

    with tempfile.NamedTemporaryFile("w", prefix="orgctl-", suffix=".txt", delete=False) as kept:
        traceback.print_exception(bug, file=kept)
    print(f"orgctl: a bug: {type(bug).__name__}: {bug}", file=sys.stderr)
    print(f"  the details are in {kept.name}", file=sys.stderr)
    return 1


def orgctl() -> int:
    """The console script of an installed org."""
    enter()
    return run(CLI, sys.argv[1:])


def main() -> int:
    if len(sys.argv) < 2:
        print("usage: boot.py MODULE [ARGS…]", file=sys.stderr)
        return 2
    enter()
    return run(sys.argv[1], sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
