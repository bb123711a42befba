"""The evaluator that peers are given: one program file in, one JSON line of scores out.

python -m tests.bench.evolving.evaluate JOB PROGRAM
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from tests.bench.evolving.goal import Goal, judge, with_module


def main() -> int:
    job = json.loads(Path(sys.argv[1]).read_text())
    code = Path(sys.argv[2]).read_text()
    goal = Goal(Path(job["goal"]))
    with tempfile.TemporaryDirectory(prefix="evaluate-") as name:
        truth = judge(goal, with_module(goal, code, Path(name) / "tree"))
    score = 0.5 * truth.visible + 0.5 * truth.hidden
    with Path(job["evaluated"]).open("a") as out:
        out.write(json.dumps({"score": score, "code": code}) + "\n")
    print(json.dumps({"score": score, "said": "" if truth.visible else truth.said}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
