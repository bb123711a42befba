"""A real systemd in half a second: process 1 of namespaces of its own, on the guest's own tree."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCRIPT = Path(__file__).with_suffix(".sh")
CGROUPS = Path("/sys/fs/cgroup")
CONTROLLERS = ("memory", "pids", "cpu", "systemd", "unified")
NAMESPACES = ("--pid", "--mount", "--net", "--ipc", "--uts", "--cgroup")
PR_SET_PDEATHSIG = 1
START_SECONDS = 30.0
CALL_SECONDS = 120.0
POLL_SECONDS = 0.05
PATH = "PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass
class Said:
    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.out)
        return found


@dataclass
class Machine:
    """`leader` is its process 1, as our own process table numbers it."""

    leader: int
    log: Path

    def run(self, command: str, seconds: float = CALL_SECONDS, user: str = "") -> Said:
        """A shell command line inside, as root or as `user`."""
        enter = ["nsenter", "-t", str(self.leader), "-m", "-u", "-i", "-n", "-p", "-C"]
        argv = [*enter, "env", "-i", "-C", "/", PATH, "TERM=dumb", "LC_ALL=C.UTF-8", "HOME=/root"]
        argv += ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"] if user else []
        done = subprocess.run(
            [*argv, "sh", "-c", command],
            capture_output=True,
            text=True,
            timeout=seconds,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        return Said(done.returncode, done.stdout, done.stderr)

    def must(self, command: str, seconds: float = CALL_SECONDS) -> str:
        said = self.run(command, seconds)
        assert said.code == 0, f"{command}: {said.code}\n{said.out[-3000:]}\n{said.err[-3000:]}"
        return said.out.strip()

    def until(self, command: str, seconds: float = START_SECONDS) -> str:
        """Try until it succeeds."""
        deadline = time.monotonic() + seconds
        while (said := self.run(command)).code != 0:
            assert time.monotonic() < deadline, f"{command}: {said.out}{said.err}"
            time.sleep(POLL_SECONDS)
        return said.out.strip()

    def show(self, unit: str, name: str) -> str:
        return self.must(f"systemctl show -P {name} {unit}")


@contextmanager
def machine(base: Path, shared: Path, log: Path) -> Iterator[Machine]:
    """Booted while inside; nothing of it is left afterwards."""
    groups = _groups()
    for group in groups:
        group.mkdir(exist_ok=True)

    def join() -> None:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        for group in groups:
            (group / "cgroup.procs").write_text(str(os.getpid()))

    with log.open("wb") as out:
        started = subprocess.Popen(
            ["unshare", *NAMESPACES, "--fork", "--kill-child", "bash", SCRIPT, base, shared],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            preexec_fn=join,
        )
    try:
        booted = Machine(_leader(started, log), log)
        booted.until("systemctl is-system-running | grep -qE 'running|degraded'")
        yield booted
    finally:
        started.kill()
        started.wait()
        _remove(groups)


def _groups() -> list[Path]:
    name = f"org-test-{os.getpid()}"
    if (CGROUPS / "cgroup.controllers").exists():
        return [CGROUPS / name]
    return [CGROUPS / controller / name for controller in CONTROLLERS]


def _leader(started: subprocess.Popen[bytes], log: Path) -> int:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and started.poll() is None:
        children = Path(f"/proc/{started.pid}/task/{started.pid}/children").read_text().split()
        for child in children:
            with suppress(OSError):
                if b"systemd/systemd" in Path(f"/proc/{child}/cmdline").read_bytes():
                    return int(child)
        time.sleep(POLL_SECONDS)
    started.kill()
    sys.stderr.write(log.read_text(errors="replace")[-3000:])
    raise AssertionError("systemd did not start")


def _remove(groups: list[Path]) -> None:
    """Every cgroup below, deepest first, once the kernel has let its last process go."""
    deadline = time.monotonic() + START_SECONDS
    for group in groups:
        while group.exists() and time.monotonic() < deadline:
            for folder in sorted(group.rglob("*/"), reverse=True):
                with suppress(OSError):
                    folder.rmdir()
            with suppress(OSError):
                group.rmdir()
            if group.exists():
                _kill_left(group)
                time.sleep(POLL_SECONDS)


def _kill_left(group: Path) -> None:
    for procs in [group / "cgroup.procs", *group.rglob("cgroup.procs")]:
        with suppress(OSError, ValueError):
            for pid in procs.read_text().split():
                os.kill(int(pid), signal.SIGKILL)
