"""Runs a file in a cell like those of an author, and prints what it said."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path[:] = [str(Path(__file__).resolve().parents[2]), *sys.path[1:]]

from ops.cell import SYSTEM_MOUNTS, Cell, Mount, run


def main() -> int:
    script = Path(sys.argv[1]).resolve()
    mounts = (*SYSTEM_MOUNTS, Mount(script.parent, Path("/given")))
    done = run(Cell(argv=("/usr/bin/python3", "-I", f"/given/{script.name}"), mounts=mounts))
    sys.stdout.write(done.stdout.decode())
    sys.stderr.write(done.stderr.decode())
    return done.exit or 0


if __name__ == "__main__":
    sys.exit(main())
