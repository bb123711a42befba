"""One org instance of a test's own: real home, real ports, the real orgctl as a child process."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

ROOT = Path(__file__).resolve().parents[2]
VERB_SECONDS = 240.0
ANSWER_SECONDS = 10.0
PORT_FIRST, PORTS_EACH, OTHER_WORKER = 20_000, 1_000, 9
# What is left of org's own tests where they are not the point: few, so that judging is quick.
KEPT_TESTS = ("tests/core/test_candidate.py", "tests/orchestrator/test_uptime.py")
PASSED = frozenset({"SSL_CERT_FILE", "UV_DEFAULT_INDEX", "UV_INDEX", "UV_OFFLINE"})


def _ports() -> Iterator[int]:
    """Each once, in any order; every worker of a test run draws from a thousand of its own.

    All are below those that Linux gives to connections and to port 0 (32768 and up): what is free
    when it is drawn is not taken by a stranger before its instance is up.
    """
    worker = os.environ.get("PYTEST_XDIST_WORKER", f"gw{OTHER_WORKER}").removeprefix("gw")
    first = PORT_FIRST + PORTS_EACH * (int(worker) % (OTHER_WORKER + 1))
    yield from random.sample(range(first, first + PORTS_EACH), PORTS_EACH)


PORTS = _ports()


def free_port() -> int:
    """A port nobody listens on, that no other test will be given."""
    for port in PORTS:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is left: a run needs more than PORTS_EACH")


def git(directory: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=someone", "-c", "user.email=someone@localhost"]
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=directory, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def copy_of_org(target: Path) -> Path:
    """org's own tree as it is on disk now, as one commit of a repo of its own."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    ).stdout
    for name in filter(None, listed.decode().split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    return commit_all(target, "org as it is", first=True)


def slim_org(target: Path) -> Path:
    """org's own tree with hardly any tests, so that its tests gate takes seconds."""
    copy_of_org(target)
    for path in sorted((target / "tests").rglob("*"), reverse=True):
        if path.is_dir():
            if not any(path.iterdir()):
                path.rmdir()
        elif str(path.relative_to(target)) not in KEPT_TESTS:
            path.unlink()
    return commit_all(target, "Keep few tests")


def commit_all(repo: Path, message: str, first: bool = False) -> Path:
    if first:
        git(repo, "init", "-q", "-b", "main")
    git(repo, "add", "-A")
    git(repo, "commit", "-q", "-m", message)
    return repo


@dataclass
class Answered:
    """What one orgctl call gave."""

    code: int
    said: str
    told: str

    @property
    def json(self) -> dict[str, Any]:
        found = json.loads(self.said)
        assert isinstance(found, dict), self.said
        return found


@dataclass
class Home:
    """An instance's home; `environment` is all that its processes inherit."""

    path: Path
    current: int = field(default_factory=free_port)
    candidate: int = field(default_factory=free_port)
    environment: dict[str, str] = field(default_factory=dict)

    def write_settings(self, extra: str = "") -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        base = "" if "[model]" in extra else '[model]\nbase = "http://127.0.0.1:9"\n'
        ports = f"[ports]\ncurrent = {self.current}\ncandidate = {self.candidate}\n"
        (self.path / "org.toml").write_text(ports + base + extra)

    def orgctl(self, *arguments: str, seconds: float = VERB_SECONDS) -> Answered:
        argv = [sys.executable, "-I", str(ROOT / "ops/boot.py"), "ops.orgctl"]
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.path),
            "TMUX_TMPDIR": str(self.path),
            "LANG": "C.UTF-8",
            "NO_COLOR": "1",
            "UV_CACHE_DIR": os.environ.get("UV_CACHE_DIR", str(Path.home() / ".cache/uv")),
            **{key: value for key, value in os.environ.items() if key in PASSED},
            **self.environment,
        }
        done = subprocess.run(
            [*argv, "--home", str(self.path), *arguments],
            capture_output=True,
            text=True,
            timeout=seconds,
            env=environment,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        return Answered(done.returncode, done.stdout, done.stderr)

    def ask(self, *arguments: str) -> dict[str, Any]:
        """`--json` of a call that must succeed."""
        answered = self.orgctl(*arguments, "--json")
        assert answered.code == 0, (arguments, answered)
        return answered.json

    def get(self, path: str, slot: str = "current") -> httpx.Response:
        port = self.current if slot == "current" else self.candidate
        return httpx.get(f"http://127.0.0.1:{port}{path}", timeout=ANSWER_SECONDS, trust_env=False)

    def git(self, *arguments: str) -> str:
        return git(self.path / "repo.git", *arguments)

    def processes(self) -> list[psutil.Process]:
        """Every process that names this home on its command line, or stands in it."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                ended = process.status() == psutil.STATUS_ZOMBIE
                if not ended and str(self.path) in " ".join([process.cwd(), *process.cmdline()]):
                    found.append(process)
        return found

    def agrees(self) -> None:
        """main, tag, journal, served and loaded commit tell the same story."""
        status = self.ask("status")
        serves = status["slots"]["current"]["commit"]
        if status["kind"] == "org":
            assert self.get("/healthz").json()["commit"] == serves
        tree = self.git("rev-parse", status["main"] + "^{tree}")
        assert tree == self.git("rev-parse", serves + "^{tree}")
        assert status["promotion"] is None or status["promotion"]["state"] == "serving"
        assert self.ask("verify")["problems"] == []


@contextlib.contextmanager
def running(home: Home, repo: Path, extra: str = "") -> Iterator[Home]:
    """An instance of `repo` that is up; whatever happens, nothing of it is left afterwards."""
    home.write_settings(extra)
    home.ask("init", "--repo", str(repo))
    try:
        home.ask("up")
        yield home
    finally:
        home.orgctl("down", "--yes")
        left = home.processes()
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
    assert not left, f"left behind: {left}"
