"""What org itself costs a cycle, with 10, 1,000 and 10,000 candidates in the archive.

    ops/bench.sh cycle

The model is a recorded session, the gates are trivial, so what is measured is org: author
process, imports, commits, merge, export, serving, jury, references, switch. The floor, measured
in the same run, is what nobody can do without: a work tree, a commit, a merge, and two starts
of an interpreter.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.figures import Figure, median, show
from tests.journeys import service
from tests.journeys.instance import Home, git, running
from tests.model_server import say, scripted_model

SIZES = (10, 1_000, 10_000)
ROUNDS = 5
TRIVIAL = """[serve]
command = ["python3", "service.py"]
health = "/up"

[[gates]]
name = "tests"
command = ["true"]
limit_seconds = 30.0
"""


def fill(home: Home, wanted: int) -> None:
    """Old candidates: rows in the archive, and a branch and a merge ref each."""
    main = home.git("rev-parse", "main")
    with sqlite3.connect(home.path / "state/journal.db", timeout=30) as db:
        have = db.execute("SELECT count(*) FROM candidate").fetchone()[0]
        names = [f"2020{number:011d}Z" for number in range(have, wanted)]
        for name in names:
            record = {"id": name, "state": "rejected", "goal": "old", "created": 1, "base": main}
            db.execute(
                "INSERT INTO candidate VALUES (?, 'rejected', ?)", (name, json.dumps(record))
            )
    db.close()
    refs = "".join(f"create refs/heads/cand/{name} {main}\n" for name in names)
    refs += "".join(f"create refs/org/merges/{name} {main}\n" for name in names)
    argv = ["git", "update-ref", "--stdin"]
    subprocess.run(argv, cwd=home.path / "repo.git", input=refs.encode(), check=True)
    home.git("pack-refs", "--all")


def cycle(home: Home, number: int) -> float:
    """Seconds of one promoted cycle, as its own events tell them."""
    done = home.ask(
        "evolve", "--wait", "--protocol", "rewrite", "--module", "words.py",
        "--goal", f"count words {number}",
    )  # fmt: skip
    assert done["outcome"] == "promoted", done
    with sqlite3.connect(home.path / "state/journal.db") as db:
        rows = db.execute(
            "SELECT at FROM event WHERE candidate = ? ORDER BY number", (done["candidate"],)
        ).fetchall()
    db.close()
    return float(rows[-1][0]) - float(rows[0][0])


def floor(folder: Path) -> float:
    """Work tree, commit, merge, two interpreters: the least a served candidate takes."""
    repo = service.make(folder / "floor")
    began = time.perf_counter()
    git(repo, "worktree", "add", "-q", "-b", "work", str(folder / "tree"))
    (folder / "tree" / "words.py").write_text("changed\n")
    git(folder / "tree", "commit", "-q", "-a", "-m", "change")
    git(repo, "merge", "-q", "--no-ff", "-m", "merge", "work")
    for _ in range(2):
        subprocess.run([sys.executable, "-c", "pass"], check=True)
    return time.perf_counter() - began


def main() -> int:
    parser = argparse.ArgumentParser(prog="cycle")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    rounds = parser.parse_args().rounds
    count = rounds * len(SIZES) + 1
    texts = (f"{service.WORDS}\n\nROUND = {number}\n" for number in range(count))
    replies = [say(f"```python\n{text}```") for text in texts]
    figures: dict[str, Figure] = {}
    with tempfile.TemporaryDirectory(prefix="org-bench-") as name, scripted_model(replies) as model:
        folder = Path(name)
        repo = service.make(folder / "service")
        (repo / "org.toml").write_text(TRIVIAL)
        git(repo, "commit", "-q", "-a", "-m", "trivial gates")
        home = Home(folder / "home")
        base = f"http://127.0.0.1:{model.server_address[1]}"
        with running(home, repo, f'[model]\nbase = "{base}"\n'):
            number = 0
            cycle(home, number)  # the first one warms caches, and is not counted
            for size in SIZES:
                fill(home, size)
                taken = []
                for _ in range(rounds):
                    number += 1
                    taken.append(cycle(home, number))
                figures[f"overhead_s_{size}"] = median(taken, "s")
        floors = []
        for number in range(rounds):
            (folder / f"f{number}").mkdir()
            floors.append(floor(folder / f"f{number}"))
        figures["floor_s"] = median(floors, "s")
    show("cycle", figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
