"""How many goals are reached by a model, at what price, and how many wrong ones are let in.

    ops/bench.sh evolve --goals DIR --model URL [--peers] [--calls N] [--name MODEL]

Each folder in DIR holds `goal.txt` (first line the goal, the rest notes), `repo/` with its visible
tests, `acceptance/` (pytest files that no author sees) and perhaps `module` (the one file to
change). org's author and judge work on each, and with --peers OpenEvolve and ShinkaEvolve do, by
the same model, the same tests and at most the same number of calls. What a contestant accepts is
checked once more by plain pytest: what fails there is a false accept. Without --model the packaged
small model is started.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import httpx

from ops import local_model
from tests.bench.evolving import ours, peers
from tests.bench.evolving.goal import Goal, goals_in
from tests.bench.evolving.ours import Result, Terms
from tests.bench.evolving.proxy import proxy
from tests.bench.figures import Figure, show

GOALS = Path(__file__).parent / "goals"
CALLS = 6
UNITS = {"wall_s": "s", "tokens": "tokens", "tokens_per_accepted": "tokens"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--goals", type=Path, default=GOALS)
    parser.add_argument("--model", help="base URL of an OpenAI-compatible server")
    parser.add_argument("--name", help="the model's name there; default is its first")
    parser.add_argument("--peers", action="store_true")
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
    with proxy(base) as between:
        named = flags.name or _first_model(between.base)
        terms = Terms(named, flags.calls, protocol=flags.protocol)
        figures: dict[str, float] = {}
        if flags.only in (None, "org"):
            figures = contest("org", goals, lambda goal: ours.run(goal, between, terms))
        others: dict[str, dict[str, float]] = {}
        for peer in peers.PACKAGES if flags.peers else ():
            if flags.only in (None, peer):
                others[peer] = contest(peer, goals, _peer(peer, between, terms))
    show("evolve", {k: Figure(v, UNITS.get(k, "count")) for k, v in figures.items()}, others)


def _peer(peer: str, between: object, terms: Terms) -> Callable[[Goal], Result]:
    return lambda goal: peers.run(peer, goal, between, terms)  # type: ignore[arg-type]


def _first_model(base: str) -> str:
    found = httpx.get(f"{base}/v1/models", timeout=30, trust_env=False).json()
    return str(found["data"][0]["id"])


def contest(name: str, goals: Iterable[Goal], run: Callable[[Goal], Result]) -> dict[str, float]:
    """One contestant on every goal; its progress goes to stderr."""
    began = time.monotonic()
    results = []
    for goal in goals:
        since = time.monotonic()
        result = run(goal)
        results.append(result)
        word = (
            ("reached" if result.true else "FALSELY ACCEPTED") if result.accepted else "not reached"
        )
        print(
            f"{name:<12} {goal.folder.name:<20} {word:<16} {result.calls} calls,"
            f" {result.tokens} tokens, {time.monotonic() - since:.0f} s",
            file=sys.stderr,
            flush=True,
        )
    accepted = sum(one.accepted and one.true for one in results)
    tokens = sum(one.tokens for one in results)
    return {
        "accepted": accepted,
        "false_accepts": sum(one.accepted and not one.true for one in results),
        "tokens": tokens,
        "tokens_per_accepted": round(tokens / max(1, accepted), 1),
        "wall_s": round(time.monotonic() - began, 1),
        "calls_wasted": sum(one.wasted for one in results),
        "calls": sum(one.calls for one in results),
        "goals": len(results),
    }


if __name__ == "__main__":
    sys.exit(main())
