"""How many goals are reached by a model, at what price, and how many wrong ones are let in.

    ops/bench.sh evolve --goals DIR --model URL [--peers [NAME…]] [--calls N] [--name MODEL]

Each folder in DIR holds `goal.txt` (first line the goal, the rest notes), `repo/` with its visible
tests, `acceptance/` (pytest files that no author sees) and perhaps `module` (the one file to
change). org's author and judge work on each, and with --peers OpenEvolve and ShinkaEvolve do, by
the same model, the same tests and at most the same number of calls. What a contestant accepts is
checked once more by plain pytest: what fails there is a false accept. Without --model the packaged
small model is started. Each goal's outcome is told on stderr as it ends; a peer that cannot be
installed is named there, and stands as absent among the figures.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from ops import local_model
from tests.bench.evolving import ours, peers
from tests.bench.evolving.goal import Goal, goals_in
from tests.bench.evolving.ours import Result, Terms
from tests.bench.evolving.proxy import Proxy, proxy
from tests.bench.figures import Figure, show

Run = Callable[[Goal], Result]
GOALS = Path(__file__).parent / "goals"
CALLS = 6
UNITS = {"wall_s": "s", "tokens": "tokens", "tokens_per_accepted": "tokens"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--goals", type=Path, default=GOALS)
    parser.add_argument("--model", help="base URL of an OpenAI-compatible server")
    parser.add_argument("--name", help="the model's name there; default is its first")
    parser.add_argument("--peers", nargs="*", choices=(*peers.PACKAGES,), help="all, or these")
    parser.add_argument("--only", choices=("org", *peers.PACKAGES), help="one contestant alone")
    parser.add_argument("--calls", type=int, default=CALLS, help="model calls for each goal")
    parser.add_argument("--protocol", default="rewrite", choices=("auto", "agent", "rewrite"))
    flags = parser.parse_args()
    goals = goals_in(flags.goals.absolute())
    if not goals:
        sys.exit(f"no goals in {flags.goals}: each is a folder with goal.txt")
    with tempfile.TemporaryDirectory(prefix="org-bench-") as name:
        record = Path(name) / "model.json"
        try:
            base = flags.model or local_model.start(record)
            compare(flags, goals, base)
        finally:
            local_model.stop(record)
    return 0


def compare(flags: argparse.Namespace, goals: list[Goal], base: str) -> None:
    """Goal by goal, so that who stops early has compared the same ones."""
    with proxy(base) as between:
        named = flags.name or _first_model(between.base)
        terms = Terms(named, flags.calls, protocol=flags.protocol)
        runs: dict[str, Run] = {"org": lambda goal: ours.run(goal, between, terms)}
        wanted = () if flags.peers is None else flags.peers or peers.PACKAGES
        runs |= {peer: _peer(peer, between, terms) for peer in wanted}
        runs = {name: run for name, run in runs.items() if flags.only in (None, name)}
        absent = {name: why for name in runs if name != "org" and (why := peers.lacking(name))}
        for name, why in absent.items():
            print(f"{name} is not compared: {why}", file=sys.stderr, flush=True)
        scores = {name: Score(name) for name in runs if name not in absent}
        for goal in goals:
            for name, score in scores.items():
                score.add(goal, runs[name])
    own = scores.pop("org").figures() if "org" in scores else {}
    others: dict[str, Any] = {name: score.figures() for name, score in scores.items()}
    others |= {name: {"absent": why} for name, why in absent.items()}
    show("evolve", {k: Figure(v, UNITS.get(k, "count")) for k, v in own.items()}, others)


def _peer(peer: str, between: Proxy, terms: Terms) -> Run:
    return lambda goal: peers.run(peer, goal, between, terms)


def _first_model(base: str) -> str:
    found = httpx.get(f"{base}/v1/models", timeout=30, trust_env=False).json()
    return str(found["data"][0]["id"])


@dataclass
class Score:
    """One contestant's results; each goal's goes to stderr as it ends, with all so far."""

    name: str
    results: list[Result] = field(default_factory=list)
    wall_s: float = 0.0

    def add(self, goal: Goal, run: Run) -> None:
        since = time.monotonic()
        result = run(goal)
        seconds = time.monotonic() - since
        self.results.append(result)
        self.wall_s += seconds
        word = (
            ("reached" if result.true else "FALSELY ACCEPTED") if result.accepted else "not reached"
        )
        so_far = self.figures()
        print(
            f"{self.name:<12} {goal.folder.name:<20} {word:<16} {result.calls} calls,"
            f" {result.tokens} tokens, {seconds:.0f} s; so far {so_far['accepted']} of"
            f" {so_far['goals']}, {so_far['tokens']} tokens",
            file=sys.stderr,
            flush=True,
        )

    def figures(self) -> dict[str, float]:
        accepted = sum(one.accepted and one.true for one in self.results)
        tokens = sum(one.tokens for one in self.results)
        return {
            "accepted": accepted,
            "false_accepts": sum(one.accepted and not one.true for one in self.results),
            "tokens": tokens,
            "tokens_per_accepted": round(tokens / max(1, accepted), 1),
            "wall_s": round(self.wall_s, 1),
            "calls_wasted": sum(one.wasted for one in self.results),
            "calls": sum(one.calls for one in self.results),
            "goals": len(self.results),
        }


if __name__ == "__main__":
    sys.exit(main())
