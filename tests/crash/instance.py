"""An instance under attack: it evolves and rolls back while its processes are killed."""

from __future__ import annotations

import contextlib
import itertools
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

from ops import client
from ops.errors import Trouble
from ops.layout import Layout
from tests.crash.arming import FILLER, SUPERVISOR, is_victim
from tests.crash.roles import DOORS, role
from tests.journeys import controlled
from tests.journeys.instance import ROOT, Home, running
from tests.model_server import say, scripted_model

BACK_SECONDS_MAX = 60.0
LOOK_SECONDS = 0.02
SERVING_MAX = 4  # current and former, each with the cell around it
LINES_SHOWN = 60
REST_SECONDS = 20.0  # until all that was started again is there
SETTINGS = """[probation]
seconds = {seconds}
look_every_seconds = 0.2
[author]
rounds_max = 1
[keep]
releases = 3
"""
_numbers = itertools.count(1)


@dataclass
class Target:
    """The service with manners, up; the model answers whatever is asked next."""

    home: Home
    replies: list[Any]
    checked: int = 0
    layout: Layout = field(init=False)

    def __post_init__(self) -> None:
        self.layout = Layout(self.home.path)

    @property
    def order(self) -> Path:
        return self.home.path / "fault"

    def ask(self, verb: str, **arguments: object) -> dict[str, Any]:
        return client.ask(self.layout, verb, **arguments)

    # What it does

    def evolve(self) -> dict[str, Any]:
        number = next(_numbers)
        self.replies[:] = [say(controlled.rewritten(f"polite {number}"))] * 3
        return self.ask(
            "evolve", wait=True, protocol="rewrite", module="manners.py", goal=f"be {number}"
        )

    def rollback(self) -> None:
        """Of the last promotion; one is made first where nothing is left to take back."""
        try:
            self.ask("rollback")
        except Trouble as nothing:
            if "nothing" not in nothing.message:
                raise
            self.evolve()
            self.ask("rollback")

    def choose(self) -> None:
        """One of two releases by name, in turn; no process of it is left to return to."""
        tag = self.ask("status")["slots"]["current"]["tag"]
        self.ask("rollback", to="release/1" if tag == "release/0" else "release/0")

    def breach(self) -> None:
        """A release that breaks its promise at once, and is taken back."""
        number = next(_numbers)
        text = controlled.manners("crashes", 1.5).replace("How it", f"How ({number}) it")
        self.replies[:] = [say(f"```python\n{text}```")] * 3
        done = self.ask(
            "evolve", wait=True, protocol="rewrite", module="manners.py", goal=f"break {number}"
        )
        if done["outcome"] == "promoted":
            self.settled()

    def collect(self) -> None:
        self.ask("gc")

    def settled(self) -> dict[str, Any]:
        """The status, once nothing is under way but a probation that holds."""
        began = time.monotonic()
        while True:
            with contextlib.suppress(Trouble):
                status = self.ask("status")
                served = status["slots"]["current"]
                if served["state"] == "serving" and not status["cycle"] and self._steady(status):
                    return status
            assert time.monotonic() - began < BACK_SECONDS_MAX, "it does not come to rest"
            time.sleep(LOOK_SECONDS)

    def _steady(self, status: dict[str, Any]) -> bool:
        promotion = status["promotion"]
        if promotion is None:
            return True
        with contextlib.suppress(OSError, ValueError, httpx.HTTPError):
            kind = self.home.get("/").json()["manners"]
            return bool(promotion["state"] == "serving" and kind != "crashes")
        return False

    def begin(self, does: Callable[[], object]) -> threading.Thread:
        """Do it while the caller goes on; what comes of it is seen in `check`."""

        def act() -> None:
            with contextlib.suppress(Trouble):
                does()

        acting = threading.Thread(target=act)
        acting.start()
        return acting

    def jump(self, seconds: float) -> None:
        """The supervisor's wall clock is off by so much from now on."""
        self.order.with_suffix(".clock").write_text(str(seconds))

    def second_keeper(self) -> int:
        """The exit code of a keeper that is started beside the one there is."""
        argv = [sys.executable, "-I", str(ROOT / "ops/boot.py"), "daemon.supervisor.keeper"]
        argv += ["--home", str(self.home.path), "--ready-fd", "1"]
        return subprocess.run(argv, check=False, capture_output=True, timeout=30).returncode

    # Whom it strikes

    def strike(self, victim: str, point: str, number: int, does: Callable[[], object]) -> bool:
        """Do it with one process killed at one point; whether the point was passed."""
        served = self.settled()["slots"]["current"]["commit"]
        self.order.write_text(f"{victim} {point} {number} {served}")
        with contextlib.suppress(Trouble):  # the one who was killed answers nobody
            does()
        (self.home.path / FILLER).unlink(missing_ok=True)
        self.settled()
        passed = not self.order.exists()
        self.order.unlink(missing_ok=True)
        return passed

    def strike_twice(
        self, first: tuple[str, int], second: tuple[str, int], does: Callable[[], object]
    ) -> None:
        """The supervisor dies at the one, and its successor at the other."""
        second_order = self.order.with_suffix(".next")
        served = self.settled()["slots"]["current"]["commit"]
        second_order.write_text(f"supervisor {second[0]} {second[1]} {served}")
        self.strike("supervisor", *first, does)
        self.order.unlink(missing_ok=True)
        second_order.unlink(missing_ok=True)
        self.settled()

    def strike_after(self, victim: str, seconds: float, does: Callable[[], object]) -> None:
        """Do it, and kill one process so long after it began."""
        served = self.settled()["slots"]["current"]["commit"]
        acting = self.begin(does)
        acting.join(seconds)
        for process in self.home.processes():
            with contextlib.suppress(psutil.Error):
                argv = " ".join(process.cmdline())
                if victim == "supervisor":
                    hit = SUPERVISOR in argv
                else:
                    hit = is_victim(victim, argv, served)
                if hit:
                    process.kill()
        acting.join()

    def traced(self, does: Callable[[], object]) -> list[tuple[str, int]]:
        """The points that this passes, each with how often it was passed by then."""
        trace = self.order.with_suffix(".trace")
        self.settled()
        trace.touch()
        does()
        self.settled()
        names = trace.read_text().splitlines()
        trace.unlink()
        counted: Counter[str] = Counter()
        found = []
        for name in names:
            counted[name] += 1
            found.append((name, counted[name]))
        return found

    def told(self) -> str:
        """What it said last, and what runs: for whoever reads why a check failed."""
        log = (self.layout.logs / "supervisor.log").read_text().splitlines()[-LINES_SHOWN:]
        rows = [f"{one.pid} {one.ppid()} {one.cmdline()}" for one in self.home.processes()]
        return "\n".join([*log, str(self.ask("status")), *rows])

    # What must hold

    def check(self) -> None:
        """main, tags, journal, what serves: one story; and nothing is left lying about.

        What died is started again after a pause: a while is given for all to be back.
        """
        self.checked += 1
        began = time.monotonic()
        while True:
            try:
                return self._check_all()
            except AssertionError:
                if time.monotonic() - began > REST_SECONDS:
                    raise
                time.sleep(LOOK_SECONDS)

    def _check_all(self) -> None:
        status = self.settled()
        main, served = status["main"], status["slots"]["current"]["commit"]
        git = self.home.git
        assert git("rev-parse", f"{main}^{{tree}}") == git("rev-parse", f"{served}^{{tree}}")
        assert self.home.get("/").json()["commit"] == served
        problems = self.ask("verify")["problems"]
        assert problems == [], problems
        self._check_journal()
        self._check_leftovers()

    def check_nothing_is_lost(self) -> None:
        """What an author had begun went on to its end, whoever was killed meanwhile."""
        newest = self.ask("candidates")["candidates"][0]
        branch = self.home.git("for-each-ref", f"refs/heads/cand/{newest['candidate']}")
        assert newest["state"] == "promoted" or not branch, newest

    def _check_journal(self) -> None:
        """Each promotion happened once or not at all."""
        with contextlib.closing(sqlite3.connect(self.layout.journal, timeout=10)) as db:
            assert db.execute("PRAGMA quick_check").fetchone()[0] == "ok"
            rows = db.execute(
                "SELECT json_extract(record, '$.release'), json_extract(record, '$.merge')"
                " FROM candidate WHERE state = 'promoted'"
            ).fetchall()
        form = "%(refname:strip=2) %(*objectname)"
        lines = self.home.git("for-each-ref", f"--format={form}", "refs/tags/release").splitlines()
        tags = dict(line.split() for line in lines)
        assert dict(rows) == {name: oid for name, oid in tags.items() if name != "release/0"}
        assert len(rows) == len(tags) - 1

    def _check_leftovers(self) -> None:
        left = [str(path) for path in self.layout.repo.rglob("*.lock")]
        for room in (self.layout.releases, self.layout.candidates):
            left += [str(path) for path in room.glob(".tmp-*")]
        left += [p.name for p in self.layout.run.glob("cells/*") if p.name not in DOORS]
        assert left == [], left
        names: Counter[str] = Counter()
        for process in self.home.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                names[role(" ".join(process.cmdline()))] += 1
        assert names["keeper"] == names["supervisor"] == names["broker"] == 1, names
        assert names["service"] <= SERVING_MAX, names
        assert names["author"] == names["jury"] == names["git"] == 0, names


def fsck(home: Home) -> None:
    done = subprocess.run(
        ["git", "fsck", "--strict", "--no-dangling"],
        cwd=home.path / "repo.git",
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@contextlib.contextmanager
def target(
    home: Home, folder: Path, probation_seconds: float = 300.0, extra: str = ""
) -> Iterator[Target]:
    """An instance to strike at; whatever happened to it, its repository is sound in the end."""
    repo = controlled.make(folder)
    with scripted_model([]) as model:
        base = f'[model]\nbase = "http://127.0.0.1:{model.server_address[1]}"\n'
        home.environment["ORG_FAULT"] = str(home.path / "fault")
        with running(home, repo, base + SETTINGS.format(seconds=probation_seconds) + extra):
            yield Target(home, model.replies)
            fsck(home)
