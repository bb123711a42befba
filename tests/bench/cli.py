"""How long orgctl takes to answer a person, beside the interpreter's own start.

ops/bench.sh cli
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.figures import median, show
from tests.journeys import service
from tests.journeys.instance import ROOT, Home, running

RUNS = 31


def once(argv: list[str]) -> float:
    """Milliseconds from start to end."""
    began = time.perf_counter()
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return (time.perf_counter() - began) * 1000


def main() -> int:
    parser = argparse.ArgumentParser(prog="cli")
    parser.add_argument("--runs", type=int, default=RUNS)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory(prefix="org-bench-") as folder:
        home = Home(Path(folder) / "home")
        with running(home, service.make(Path(folder) / "service")):
            orgctl = [sys.executable, "-I", str(ROOT / "ops/boot.py"), "ops.orgctl"]
            asked = {
                "status_ms": [*orgctl, "--home", str(home.path), "status"],
                "help_ms": [*orgctl, "--help"],
                "python_ms": [sys.executable, "-c", "pass"],
            }
            taken: dict[str, list[float]] = {name: [] for name in asked}
            for _ in range(runs):  # in turn, so that a slow minute slows all of them
                for name, argv in asked.items():
                    taken[name].append(once(argv))
    show("cli", {name: median(values, "ms", 1) for name, values in taken.items()})
    return 0


if __name__ == "__main__":
    sys.exit(main())
