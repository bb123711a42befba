"""org on one goal: a real instance, its author, its judge, its promotion."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from daemon.core.likeness import tree_hash
from tests.bench.evolving.goal import Goal, judge
from tests.bench.evolving.proxy import Count, Proxy
from tests.journeys.instance import Home, commit_all, running

CYCLE_SECONDS = 3600.0
FENCED = re.compile(r"^```[\w+-]*[ \t]*\n(.*?)^```[ \t]*$", re.MULTILINE | re.DOTALL)
SERVER = (
    "import os, signal, socket, http.server as h\n"
    "signal.signal(signal.SIGTERM, lambda *_: os._exit(0))\n"  # the first of a cell must say so
    "class A(h.BaseHTTPRequestHandler):\n"
    "    def do_GET(self):\n"
    "        self.send_response(200); self.send_header('content-length', '2')\n"
    "        self.end_headers(); self.wfile.write(b'ok')\n"
    "    def log_message(self, *a): pass\n"
    "s = h.ThreadingHTTPServer(('127.0.0.1', 0), A, bind_and_activate=False)\n"
    "s.socket = socket.socket(fileno=3); s.serve_forever()\n"
)
SERVICE = """[serve]
command = ["python3", ".org-serve.py"]
health = "/"

[[gates]]
name = "tests"
command = ["sh", "-c", "python3 -m pytest TERSE; c=$?; [ $c -eq 5 ] || exit $c"]
limit_seconds = 120.0
""".replace("TERSE", "-q -p no:cacheprovider --no-header --tb=short")


@dataclass(frozen=True)
class Result:
    """`accepted` is what the contestant says, `true` what the hidden tests say of its tree."""

    accepted: bool
    true: bool
    tokens: int
    calls: int
    wasted: int


@dataclass(frozen=True)
class Terms:
    """The same for everybody, but for the protocol, which is org's own."""

    model: str
    calls_max: int
    rounds_max: int = 3
    protocol: str = "rewrite"


def run(goal: Goal, proxy: Proxy, terms: Terms) -> Result:
    count = proxy.fresh(terms.calls_max)
    folder = Path(tempfile.mkdtemp(prefix="org-evolve-"))
    try:
        repo = folder / "repo"
        shutil.copytree(goal.repo, repo)
        if not (repo / "org.toml").exists():
            (repo / ".org-serve.py").write_text(SERVER)
            (repo / "org.toml").write_text(SERVICE)
        commit_all(repo, "As it is", first=True)
        accepted = _evolve(goal, Home(folder / "home"), repo, (proxy, terms, count))
        tree, packed = folder / "tree", folder / "tree.tar"
        tree.mkdir()
        home = folder / "home/repo.git"
        subprocess.run(["git", "archive", "-o", str(packed), "main"], cwd=home, check=True)
        subprocess.run(["tar", "-xf", str(packed), "-C", str(tree)], check=True)
        true = accepted and judge(goal, tree).reached
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return Result(accepted, true, count.tokens, count.calls, wasted(goal, count))


def _evolve(goal: Goal, home: Home, repo: Path, terms: tuple[Proxy, Terms, Count]) -> bool:
    """Cycles until one is promoted or the calls are used up."""
    proxy, asked, count = terms
    settings = (
        f'[model]\nbase = "{proxy.base}"\nname = "{asked.model}"\nidle_seconds = 900.0\n'
        f'[author]\nrounds_max = {asked.rounds_max}\nprotocol = "{asked.protocol}"\n'
        "[probation]\nseconds = 0\n"
    )
    with running(home, repo, settings):
        files = ["--file", str(goal.folder), "--module", goal.module]
        home.ask("goal", "add", *files, "--tries", str(asked.calls_max))
        while count.calls < asked.calls_max:
            before = count.calls
            done = home.orgctl("evolve", "--wait", "--json", seconds=CYCLE_SECONDS).json
            if done.get("outcome") == "promoted":
                return True
            if count.calls == before:
                return False  # it does not even ask any more
    return False


def wasted(goal: Goal, count: Count) -> int:
    """Calls that brought no new text of the file: none, the old one, or one that was there."""
    seen = {tree_hash({goal.module: (goal.repo / goal.module).read_text()})}
    for reply in count.replies:
        blocks = FENCED.findall(reply)
        if blocks:
            seen.add(tree_hash({goal.module: max(blocks, key=len)}))
    return count.calls - (len(seen) - 1)
