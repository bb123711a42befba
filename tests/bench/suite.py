"""How long the whole suite takes, and whether it ever says the wrong thing.

    ops/bench.sh suite [--healthy 50] [--slim]

Healthy candidates are commits of main's own tree, each judged by every gate; hostile
ones are the canaries, judged in between by the gates that are to stop them. With `--slim`
main has hardly any tests: what is left of the time is that of the gates that measure.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.bench.figures import Figure, median, show
from tests.journeys.instance import Home, commit_all, copy_of_org, git, running, slim_org

HEALTHY = 50
VERB_SECONDS = 3_600.0
MODULE, NEW_TEST = "daemon/orchestrator/uptime.py", "tests/core/test_bench.py"
ADDED = '\n\ndef in_hours(seconds: float) -> float:\n    """Hours."""\n    return seconds / 3_600\n'
SHOWS = (
    '"""Hours."""\n\nfrom daemon.orchestrator.uptime import in_hours\n\n\n'
    "def test_hours() -> None:\n"
    '    """An hour has 3600 seconds."""\n    assert in_hours(3_600) == 1\n'
)


def judged(home: Home, *arguments: str) -> tuple[dict[str, Any], float]:
    """The answer of `orgctl fitness`, and its seconds."""
    began = time.perf_counter()
    answered = home.orgctl("fitness", *arguments, "--json", seconds=VERB_SECONDS)
    return answered.json, time.perf_counter() - began


def tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def small_change(repo: Path) -> str:
    """A function more, with its test."""
    module = repo / MODULE
    module.write_text(module.read_text() + ADDED)
    (repo / NEW_TEST).write_text(SHOWS)
    commit_all(repo, "Tell hours")
    return git(repo, "rev-parse", "HEAD")


def same_tree(home: Home, number: int) -> str:
    """main's tree as a commit of its own, which nobody has judged yet."""
    main = home.git("rev-parse", "main")
    return home.git("commit-tree", f"{main}^{{tree}}", "-p", main, "-m", f"the same, {number}")


def measure(home: Home, repo: Path, healthy: int) -> dict[str, Figure]:
    first, full = judged(home, "main")
    changed = small_change(repo)
    home.git("fetch", "-q", str(repo), "HEAD:refs/heads/bench")
    small, seconds = judged(home, changed)
    cards, hostile = [first, small], []
    taken = []
    for number in range(healthy):
        if number == healthy // 2:
            hostile = judged(home, "--canaries")[0]["canaries"]
        card, lasted = judged(home, same_tree(home, number))
        cards.append(card)
        taken.append(lasted)
        tell(f"healthy {number + 1} of {healthy}: {lasted:.1f} s")
    for card in cards:
        for gate in card["gates"]:
            if not gate["passed"]:
                tell(f"rejected by {gate['name']}: {gate['reason']}")
    accepted = [one["name"] for one in hostile if not one["rejected"]]
    tell(f"let through: {accepted}")
    return {
        "full_s": Figure(round(full, 1), "s"),
        "small_change_s": Figure(round(seconds, 1), "s"),
        "unchanged_s": median(taken or [full], "s", 1),
        "false_accepts": Figure(len(accepted), "candidates"),
        "false_rejects": Figure(sum(not card["passed"] for card in cards), "candidates"),
        "healthy_runs": Figure(len(cards), "runs"),
        "hostile_runs": Figure(len(hostile), "runs"),
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="suite")
    parser.add_argument("--healthy", type=int, default=HEALTHY)
    parser.add_argument("--slim", action="store_true", help="with hardly any tests")
    flags = parser.parse_args()
    healthy = max(1, flags.healthy)
    with tempfile.TemporaryDirectory(prefix="org-bench-") as folder:
        (Path(folder) / "repo").mkdir()
        repo = (slim_org if flags.slim else copy_of_org)(Path(folder) / "repo")
        with running(Home(Path(folder) / "home"), repo) as home:
            figures = measure(home, repo, healthy)
    show("suite", figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
