"""What it costs to put new code into service under load: org beside what people use today.

    ops/bench.sh switch

Each serves the same app under the same open-loop load (new connections, kept ones, streams in
flight), is ordered to serve a new version, and then to go back. Rounds are interleaved. The
floor is what nobody can do without: an interpreter, the app's imports, one ref transaction.
Cut counts every answer that was begun or asked for and never came whole, also on a kept connection
that is closed just as its client asks again: most clients raise there.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from ops import client
from ops.layout import Layout
from ops.loaded import MARKER
from tests.bench.figures import Figure, median, show
from tests.bench.switch_peers import PEERS, Peer
from tests.journeys.instance import ROOT, Home, commit_all, git, running
from tests.load import Load, Streams
from tests.model_server import say, scripted_model

OWN = ("server.py", "wire.py")  # how org itself accepts and drains
APP = Path(__file__).parent / "switch_app"
ROUNDS = 3
PER_SECOND = 200
STREAMS_AT_ONCE = 10
AROUND_SECONDS = 1.0  # of load before an order, and after it took effect
SEEN_SECONDS = 40.0
FLOORS_EACH_ROUND = 3
COUNTED = ("failed", "refused", "cut")
UNITS = {"verdict_to_serving_s": "s", "revert_ms": "ms", "p99_ms": "ms", "longest_gap_ms": "ms"}
UNITS |= {"longest_wait_ms": "ms"}
SETTINGS = """[serve]
command = ["{python}", "serve.py"]
health = "/"
control = true

[[gates]]
name = "tests"
command = ["true"]
"""


class Server(Protocol):
    """What is measured: it serves version 0, and can be made to serve version `n` and 0 again."""

    name: str
    port: int

    def ready(self, version: int) -> None: ...
    def forth(self, version: int) -> None: ...
    def back(self) -> None: ...


@dataclass
class Org:
    """An instance whose candidate was judged before and waits for `promote`."""

    home: Home
    name: str = "org"

    @property
    def port(self) -> int:
        return self.home.current

    def ready(self, version: int) -> None:
        done = self.home.orgctl(
            "evolve", "--wait", "--json", "--protocol", "rewrite", "--module", "version.py",
            "--goal", f"be version {version}",
        )  # fmt: skip
        assert done.json["outcome"] == "awaiting-approval", done

    def forth(self, version: int) -> None:
        client.ask(Layout(self.home.path), "promote")

    def back(self) -> None:
        client.ask(Layout(self.home.path), "rollback")


@dataclass
class Deployed:
    """A peer, which is told commits."""

    peer: Peer
    commits: list[str]

    @property
    def name(self) -> str:
        return self.peer.name

    @property
    def port(self) -> int:
        return self.peer.port

    def ready(self, version: int) -> None:
        """Nothing is made or judged beforehand."""

    def forth(self, version: int) -> None:
        self.peer.deploy(self.commits[version])

    def back(self) -> None:
        self.peer.deploy(self.commits[0])


@dataclass
class Versions:
    """When which version answered first since it was last asked for."""

    _first: dict[bytes, float] = field(default_factory=dict)
    _news: threading.Condition = field(default_factory=threading.Condition)

    def hear(self, body: bytes) -> None:
        with self._news:
            self._first.setdefault(body, time.perf_counter())
            self._news.notify_all()

    def seconds_until(self, version: int, order: Callable[[], None]) -> float:
        """From the order to the first answer of `version`; the order itself may take longer."""
        wanted = str(version).encode()
        with self._news:
            self._first.clear()
        began = time.perf_counter()
        order()
        with self._news:
            assert self._news.wait_for(lambda: wanted in self._first, SEEN_SECONDS), version
            return self._first[wanted] - began


Measured = dict[str, float]


def measure(server: Server, version: int) -> Measured:
    """One round of one server: forth and back under load."""
    server.ready(version)
    versions = Versions()
    url = f"http://127.0.0.1:{server.port}/"
    streams = Streams("/stream", STREAMS_AT_ONCE)
    with Load(url, PER_SECOND, streams, versions.hear) as load:
        time.sleep(AROUND_SECONDS)
        forth = versions.seconds_until(version, lambda: server.forth(version))
        time.sleep(AROUND_SECONDS)
        back = versions.seconds_until(0, server.back)
        time.sleep(AROUND_SECONDS)
    for fault, count in load.faults.items():
        print(f"  {server.name}: {count} x {fault}", file=sys.stderr)
    return {
        **{kind: float(getattr(load, kind)) for kind in COUNTED},
        "longest_gap_ms": load.longest_gap_ms,
        "longest_wait_ms": max(load.waits_ms),
        "p99_ms": load.quantile(0.99),
        "verdict_to_serving_s": forth,
        "revert_ms": back * 1000,
    }


def floors(tree: Path, scratch: Path, port: int) -> list[float]:
    """Seconds of interpreter, imports and ref transaction, on a machine as busy as in a switch."""
    imports = f"import sys; sys.path.insert(0, {str(tree)!r}); import serve"
    head = git(scratch, "rev-parse", "HEAD")
    update = ["git", "-c", "core.fsync=all", "update-ref", "--stdin"]
    taken = []
    with Load(f"http://127.0.0.1:{port}/", PER_SECOND, Streams("/stream", STREAMS_AT_ONCE)) as load:
        load.wait_for(PER_SECOND // 2)
        for number in range(FLOORS_EACH_ROUND):
            name = f"{time.time_ns()}-{number}"
            refs = (
                f"start\ncreate refs/heads/{name} {head}\ncreate refs/tags/{name} {head}\ncommit\n"
            )
            began = time.perf_counter()
            subprocess.run(
                update, cwd=scratch, input=refs.encode(), check=True, capture_output=True
            )
            subprocess.run([sys.executable, "-I", "-c", imports], check=True)
            taken.append(time.perf_counter() - began)
    return taken


def source(folder: Path, versions: int) -> tuple[Path, list[str]]:
    """The app as a repo, and the commit of each version."""
    shutil.copytree(APP, folder, ignore=shutil.ignore_patterns("__pycache__"))
    package = folder / "daemon/orchestrator"
    package.mkdir(parents=True)
    for name in OWN:
        shutil.copy(ROOT / "daemon/orchestrator" / name, package / name)
    (folder / "org.toml").write_text(SETTINGS.format(python=sys.executable))
    (folder / ".gitignore").write_text(f"__pycache__/\n{MARKER}\n")
    (folder / MARKER).write_text("0" * 40)  # for the floor, which imports what org's releases do
    commit_all(folder, "version 0", first=True)
    commits = [git(folder, "rev-parse", "HEAD")]
    for number in range(1, versions + 1):
        (folder / "version.py").write_text(module(number))
        commit_all(folder, f"version {number}")
        commits.append(git(folder, "rev-parse", "HEAD"))
    git(folder, "checkout", "-q", commits[0])
    return folder, commits


def module(version: int) -> str:
    return f'"""Which version of the measured app this is."""\n\nVERSION = {version}\n'


@contextmanager
def servers(folder: Path, names: list[str], rounds: int) -> Iterator[list[Server]]:
    """All of them, serving version 0."""
    repo, commits = source(folder / "app", rounds)
    replies = [say(f"```python\n{module(number)}```") for number in range(1, rounds + 1)]
    with ExitStack() as stack:
        model = stack.enter_context(scripted_model(replies))
        base = f"http://127.0.0.1:{model.server_address[1]}"
        extra = f'[model]\nbase = "{base}"\n[policy]\npromote = "ask"\n'
        found: list[Server] = [
            Org(stack.enter_context(running(Home(folder / "home"), repo, extra)))
        ]
        for kind in PEERS:
            if kind.name in names:
                peer = kind(folder / kind.name, repo)
                stack.callback(peer.end)
                peer.prepare()
                found.append(Deployed(peer, commits))
        yield found


def summary(taken: list[Measured]) -> dict[str, Figure]:
    """Losses are added up, times are medians."""
    found = {kind: Figure(sum(one[kind] for one in taken), "requests") for kind in COUNTED}
    timed = {name: [one[name] for one in taken] for name in UNITS}
    return found | {name: median(values, UNITS[name]) for name, values in timed.items()}


def table(rows: dict[str, dict[str, Figure]]) -> None:
    names = [*COUNTED, *UNITS]
    print("\t".join(["", *names]).expandtabs(22), file=sys.stderr)
    for who, figures in rows.items():
        cells = [who, *(f"{figures[name].value:g}" for name in names)]
        print("\t".join(cells).expandtabs(22), file=sys.stderr)


def main() -> int:
    parser = argparse.ArgumentParser(prog="switch")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--peers", default=",".join(kind.name for kind in PEERS))
    flags = parser.parse_args()
    taken: dict[str, list[Measured]] = {}
    floor: list[float] = []
    with tempfile.TemporaryDirectory(prefix="org-bench-") as name:
        folder = Path(name)
        with servers(folder, flags.peers.split(","), flags.rounds) as measured:
            for number in range(1, flags.rounds + 1):
                for server in measured:  # in turn, so that a slow minute slows all of them
                    taken.setdefault(server.name, []).append(measure(server, number))
                floor += floors(folder / "app", folder / "app", measured[0].port)
    report(taken, floor)
    return 0


def report(taken: dict[str, list[Measured]], floor: list[float]) -> None:
    rows = {name: summary(rounds) for name, rounds in taken.items()}
    table(rows)
    least = median(floor, "s")
    ratio = statistics.median(one["verdict_to_serving_s"] for one in taken["org"]) / least.value
    own = rows.pop("org") | {"floor_s": least, "times_floor": Figure(round(ratio, 2), "times")}
    peers: dict[str, Any] = {
        who: {name: one.value for name, one in figures.items()} for who, figures in rows.items()
    }
    show("switch", own, peers)


if __name__ == "__main__":
    sys.exit(main())
