"""OpenEvolve and ShinkaEvolve on the same goals: same model, same number of calls, same tests.

They live in environments of their own, outside of the tree, made at first use.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from daemon.core.likeness import tree_hash
from tests.bench.evolving.goal import Goal, judge, with_module
from tests.bench.evolving.ours import Result, Terms
from tests.bench.evolving.proxy import Count, Proxy

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
PACKAGES = {"openevolve": "openevolve==0.4.0", "shinkaevolve": "shinka-evolve==0.0.7"}
RUN_SECONDS = 3600
LOOK_SECONDS = 0.5
LEFT_SECONDS = 10.0
INSTALL_SECONDS = 900


def environment(peer: str) -> Path:
    """Its interpreter."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "org/peers"
    folder = cache / PACKAGES[peer].split("==")[0]
    python = folder / "bin/python"
    if not (folder / ".ready").exists():
        cache.mkdir(parents=True, exist_ok=True)
        uv = [sys.executable, "-m", "uv"]
        subprocess.run(
            [*uv, "venv", "-q", "--clear", "--python", sys.executable, str(folder)], check=True
        )
        install = [*uv, "pip", "install", "-q", "--python", str(python), PACKAGES[peer], "pytest"]
        subprocess.run(install, check=True, timeout=INSTALL_SECONDS, cwd=cache)
        (folder / ".ready").touch()
    return python


def lacking(peer: str) -> str:
    """Why it cannot be compared; empty when it can."""
    try:
        environment(peer)
    except subprocess.SubprocessError as error:
        return f"{PACKAGES[peer]} could not be installed: {error}"
    return ""


def run(peer: str, goal: Goal, proxy: Proxy, terms: Terms) -> Result:
    count = proxy.fresh(terms.calls_max)
    folder = Path(tempfile.mkdtemp(prefix=f"{peer}-"))
    evaluated = folder / "evaluated.jsonl"
    job = {
        "goal": str(goal.folder),
        "module": goal.module,
        "text": goal.text,
        "base": proxy.base,
        "model": terms.model,
        "calls": terms.calls_max,
        "folder": str(folder),
        "judge": [sys.executable, "-m", "tests.bench.evolving.evaluate"],
        "root": str(ROOT),
        "evaluated": str(evaluated),
    }
    (folder / "job.json").write_text(json.dumps(job))
    script = HERE / f"{peer}_script.py"
    log = folder / "log"
    try:
        with log.open("w") as out:
            child = subprocess.Popen(
                [str(environment(peer)), str(script), str(folder / "job.json")],
                cwd=folder,
                stdout=out,
                stderr=out,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                env={
                    "PATH": os.environ["PATH"],
                    "HOME": str(folder),
                    "OPENAI_API_KEY": "none",
                    "LOCAL_OPENAI_API_KEY": "none",
                    "ORG_BENCH_JOB": str(folder / "job.json"),
                },
            )
            _until_end(child, count, evaluated)
        rows = _rows(evaluated)
        best = max(rows, key=lambda row: float(row["score"]), default=None)
        accepted = best is not None and float(best["score"]) >= 1.0
        true = accepted and best is not None and _true(goal, folder, str(best["code"]))
        seen = {tree_hash({goal.module: str(row["code"])}) for row in rows}
        seen.discard(tree_hash({goal.module: (goal.repo / goal.module).read_text()}))
        if count.calls == 0:
            print(f"{peer}: {log.read_text()[-2000:]}", file=sys.stderr)
        return Result(accepted, true, count.tokens, count.calls, max(0, count.calls - len(seen)))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _rows(evaluated: Path) -> list[dict[str, Any]]:
    """What was tried so far; the last line may be half written."""
    lines = evaluated.read_text().split("\n")[:-1] if evaluated.exists() else []
    return [json.loads(line) for line in lines]


def _until_end(child: subprocess.Popen[bytes], count: Count, evaluated: Path) -> None:
    """Until it ends, has reached the goal, or may ask no more; what it tried until then counts.

    Not all of them stop by themselves then.
    """
    deadline = time.monotonic() + RUN_SECONDS
    try:
        while time.monotonic() < deadline and not count.refused and not _reached(evaluated):
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(LOOK_SECONDS)
                return
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(LEFT_SECONDS)  # for what is evaluated right now
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def _reached(evaluated: Path) -> bool:
    return any(float(row["score"]) >= 1.0 for row in _rows(evaluated))


def _true(goal: Goal, folder: Path, code: str) -> bool:
    return judge(goal, with_module(goal, code, folder / "truth")).reached
