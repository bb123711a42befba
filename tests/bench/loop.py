"""What a step of the loop costs: org's, with its durable record, beside raw httpx and other loops.

    ops/bench.sh loop [--peers] [--runs N]

A scripted server streams one call of a tool `add` as an answer to every question, until it was
called often enough. Each loop runs in a process of its own; they take turns, so that a slow
minute slows all of them. With --peers others run too, each in an environment of its own.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.bench.figures import Figure, median, show
from tests.bench.loop_server import serving

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = Path(__file__).parent / "loop_peers"
RUNS = 7
CALLS = 20
LOOPS = 5  # in one process: the first one warms up
RUN_SECONDS = 300.0
PEERS = {
    "mini-swe-agent": ("mini_swe_agent", ("mini-swe-agent==2.4.6", "mcp")),
    "smolagents": ("smolagents_loop", ("smolagents[openai]==1.26.0", "pyyaml==6.0.3")),
    "pydantic-ai": ("pydantic_ai_loop", ("pydantic-ai-slim[openai]==2.68.0",)),
    "openai-agents": ("openai_agents_loop", ("openai-agents==0.24.0",)),
    "langgraph+sqlite": (
        "langgraph_loop",
        ("langgraph==1.2.22", "langgraph-checkpoint-sqlite==3.1.2", "langchain-openai==1.7.3"),
    ),
}
Taken = dict[str, float]


class Broke(Exception):
    """A loop could not run; the message is the last thing it said."""


def once(python: str, script: Path, base: str, folder: Path) -> Taken:
    """One process: milliseconds a step, seconds to import, megabytes at its end. Raises Broke."""
    argv = [python, str(script), base, str(CALLS), str(LOOPS), str(folder)]
    done = subprocess.run(
        argv, capture_output=True, text=True, timeout=RUN_SECONDS, cwd=folder, check=False
    )
    if done.returncode != 0:
        lines = (done.stderr or done.stdout).strip().splitlines()
        raise Broke(lines[-1] if lines else f"it ended with {done.returncode}")
    return dict(json.loads(done.stdout.splitlines()[-1]))


def environment(folder: Path, packages: tuple[str, ...]) -> str:
    """The interpreter of a new environment with these packages.

    It is made where it stands, out of reach of what this project overrides for itself.
    """
    uv = str(Path(sys.executable).parent / "uv")
    subprocess.run([uv, "venv", "-q", "--python", sys.executable, str(folder)], check=True)
    python = str(folder / "bin/python")
    wanted = ["pip", "install", "-q", "--compile-bytecode", "--python", python, *packages]
    subprocess.run([uv, *wanted], check=True, cwd=folder)
    return python


def main() -> int:
    parser = argparse.ArgumentParser(prog="loop")
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--peers", action="store_true", help="also the others")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="org-loop-") as named:
        folder = Path(named)
        loops = {"raw": (sys.executable, "raw_loop"), "org": (sys.executable, "org_loop")}
        if options.peers:
            for name, (script, packages) in PEERS.items():
                loops[name] = (environment(folder / script, packages), script)
        taken: dict[str, list[Taken]] = {name: [] for name in loops}
        broken: dict[str, str] = {}
        with serving(CALLS) as base:
            for _ in range(options.runs):
                for name, (python, script) in loops.items():
                    try:
                        taken[name].append(once(python, SCRIPTS / f"{script}.py", base, folder))
                    except (Broke, subprocess.TimeoutExpired) as error:
                        if name not in PEERS:
                            raise
                        broken[name] = str(error)
    raw = [one["ms_per_step"] for one in taken["raw"]]
    peers: dict[str, Any] = {
        name: told(runs, raw)
        for name, runs in taken.items()
        if name != "org" and name not in broken
    }
    peers |= {name: {"failed": why} for name, why in broken.items()}
    show("loop", figures(taken["org"], raw), peers)
    return 0


def figures(runs: list[Taken], raw: list[float]) -> dict[str, Figure]:
    steps = [one["ms_per_step"] for one in runs]
    ratios = [step / floor for step, floor in zip(steps, raw, strict=True)]
    return {
        "ms_per_step": median(steps, "ms", 2),
        "x_httpx": median(ratios, "times raw httpx in the same round", 2),
        "import_s": median([one["import_s"] for one in runs], "s", 3),
        "rss_mb": median([one["rss_mb"] for one in runs], "MB", 1),
    }


def told(runs: list[Taken], raw: list[float]) -> dict[str, Any]:
    """A peer's figures, by the same names."""
    return {name: figure.value for name, figure in figures(runs, raw).items()} | {
        "runs": len(runs),
        "ms_low": round(min(statistics.median([one["ms_per_step"]]) for one in runs), 2),
    }


if __name__ == "__main__":
    sys.exit(main())
