"""How soon the page is painted, in a real Chromium, with 10,000 candidates in the archive.

    ops/bench.sh page [--candidates N] [--rounds N]

Each view is opened anew, its style and scripts kept from the visit before, as a person's browser
does; what it weighs is counted with everything that it loads.
"""

from __future__ import annotations

import argparse
import sys
import time

from selenium.webdriver import Chrome

from tests.bench.figures import Figure, median, show
from tests.browser.conftest import chromium
from tests.orchestrator.house import house, long_history, served

CANDIDATES, ROUNDS = 10_000, 5
LIMIT_SECONDS = 20.0
LOOK_SECONDS = 0.02
VIEWS = {"now": "/", "candidates": "/candidates", "fitness": "/fitness", "releases": "/releases"}
PAINT = "return performance.getEntriesByName('first-contentful-paint').map(one => one.startTime)"
WEIGHT = """return performance.getEntriesByType('navigation')
    .concat(performance.getEntriesByType('resource'))
    .reduce((whole, one) => whole + one.decodedBodySize, 0)"""


def painted(chrome: Chrome, address: str) -> float:
    """Milliseconds from the visit to its first contentful paint."""
    chrome.get(address)
    deadline = time.monotonic() + LIMIT_SECONDS
    while not (found := chrome.execute_script(PAINT)):
        assert time.monotonic() < deadline, f"{address} was not painted"
        time.sleep(LOOK_SECONDS)
    return float(found[0])


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="page")
    parser.add_argument("--candidates", type=int, default=CANDIDATES)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    flags = parser.parse_args(argv)
    figures: dict[str, Figure] = {}
    with house() as here, served(here) as (_, url), chromium() as chrome:
        long_history(here, flags.candidates)
        figures["first_visit_ms"] = median([painted(chrome, url)], "ms")  # pays for the templates
        for name, path in VIEWS.items():
            taken = [painted(chrome, url + path) for _ in range(flags.rounds)]
            figures[f"{name}_paint_ms"] = median(taken, "ms", 1)
            weight = chrome.execute_script(WEIGHT) / 1000
            figures[f"{name}_weight_kb"] = Figure(round(weight, 1), "kB")
    show("page", figures)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
