"""How org answers with 10,000 candidates and 1,000 releases in its history.

    ops/bench.sh scale

Through the real orgctl on a running instance; house-keeping is measured too: what gc would do,
what it takes, a backup, and the start with such a history.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.figures import Figure, median, show
from tests.bench.scale_history import fill
from tests.journeys import service
from tests.journeys.instance import Home, running

CANDIDATES, RELEASES, ROUNDS = 10_000, 1_000, 5


def seconds(home: Home, *verb: str) -> float:
    began = time.perf_counter()
    home.ask(*verb)
    return time.perf_counter() - began


def main() -> int:
    parser = argparse.ArgumentParser(prog="scale")
    parser.add_argument("--candidates", type=int, default=CANDIDATES)
    parser.add_argument("--releases", type=int, default=RELEASES)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    flags = parser.parse_args()
    figures: dict[str, Figure] = {}
    with tempfile.TemporaryDirectory(prefix="org-bench-") as folder:
        home = Home(Path(folder) / "home")
        with running(home, service.make(Path(folder) / "service")):
            small = [seconds(home, "status") for _ in range(flags.rounds)]
            figures["status_small_s"] = median(small, "s")  # of an instance with no history
            home.ask("down", "--yes")
            fill(home, flags.candidates, flags.releases)
            figures["up_s"] = median([seconds(home, "up")], "s")
            asked = {"status_s": ["status"], "candidates_s": ["candidates"], "verify_s": ["verify"]}
            taken: dict[str, list[float]] = {name: [] for name in asked}
            for _ in range(flags.rounds):
                for name, verb in asked.items():
                    taken[name].append(seconds(home, *verb))
            figures |= {name: median(values, "s") for name, values in taken.items()}
            figures["backup_s"] = median([seconds(home, "backup", f"{folder}/backup")], "s")
            figures["gc_plan_s"] = median([seconds(home, "gc", "--dry-run")], "s")
            figures["gc_s"] = median([seconds(home, "gc", "--yes")], "s")
            assert home.ask("verify")["releases"] == flags.releases + 1
    show("scale", figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
