"""How long one look at an author's tree takes: the first one, and one after a few edits.

ops/bench.sh importer [--files N] [--changed N]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from ops.history import History
from ops.importer import import_tree
from tests.bench.figures import Figure, median, show

FILES, CHANGED, RUNS = 10_000, 10, 9
FOLDERS = 100


def lay(root: Path, files: int) -> None:
    for number in range(files):
        folder = root / f"d{number % FOLDERS}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"f{number}").write_bytes(b"%d\n" % number)


def main() -> int:
    parser = argparse.ArgumentParser(prog="importer")
    parser.add_argument("--files", type=int, default=FILES)
    parser.add_argument("--changed", type=int, default=CHANGED)
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="org-bench-") as folder:
        history, root = History.create(Path(folder) / "repo.git"), Path(folder) / "tree"
        lay(root, flags.files)
        began = time.perf_counter()
        seen = import_tree(history, root, None)
        first = time.perf_counter() - began
        again = []
        for run in range(RUNS):
            for number in range(flags.changed):
                (root / f"d{number % FOLDERS}" / f"f{number}").write_bytes(b"changed %d\n" % run)
            began = time.perf_counter()
            seen = import_tree(history, root, seen)
            again.append(time.perf_counter() - began)
    show("importer", {"first_s": Figure(round(first, 3), "s"), "again_s": median(again, "s")})
    return 0


if __name__ == "__main__":
    sys.exit(main())
