"""What a policy of keeping changes finds and lets in, over simulated nights with known effects.

ops/bench.sh selection [--nights N] [--figure FILE.svg]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ops import chart
from tests.bench.figures import Figure, show
from tests.night.nights import POLICIES, simulate


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nights", type=int, default=1000)
    parser.add_argument("--figure", type=Path, help="write the comparison here, as SVG")
    flags = parser.parse_args()
    found = {name: simulate(policy, flags.nights) for name, policy in POLICIES.items()}
    rounded = {
        name: {key: round(value, 4) for key, value in figures.items()}
        for name, figures in found.items()
    }
    if flags.figure is not None:
        values = {
            f"{name}: {key}": figures[key]
            for name, figures in rounded.items()
            for key in ("false_kept_per_kept", "true_found")
        }
        flags.figure.write_text(chart.bars(f"{flags.nights} simulated nights", values))
    ours = rounded.pop("org")
    show("selection", {key: Figure(value, "ratio") for key, value in ours.items()}, rounded)
    return 0


if __name__ == "__main__":
    sys.exit(main())
