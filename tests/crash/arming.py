"""Strikes at a fault point: kills one process of the instance, once, as a file tells.

The boot module calls `arm` where ORG_FAULT names that file. It holds one line: whom to kill,
the point's name, at which passing of it. Beside it, `<file>.trace` collects the points that
were passed, if it exists, and `<file>.next` is what takes its place after the strike.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sqlite3
import sys
import time
from collections import Counter
from pathlib import Path

import psutil

from ops import faults

FILLER = "filler"
FILLER_BYTES = 2**16
held: list[sqlite3.Connection] = []
SUPERVISOR = "daemon.supervisor.process"
MARKS = {  # what the command line of each has, and what it has not
    "broker": ("daemon.broker", ""),
    "author": ("daemon.agent.author", ""),
    "jury": ("fitness.jury", ""),
}


def arm() -> None:
    """Only in the supervisor, which performs every effect."""
    if SUPERVISOR not in sys.argv:
        return
    order = Path(os.environ["ORG_FAULT"])
    move_clock(order.with_suffix(".clock"))
    trace, following = order.with_suffix(".trace"), order.with_suffix(".next")
    passed: Counter[tuple[str, str]] = Counter()

    def strike(name: str) -> None:
        if trace.exists():
            with trace.open("a") as told:
                told.write(name + "\n")
        try:
            text = order.read_text()
        except FileNotFoundError:
            return
        victim, wanted, number = text.split()[:3]
        if name != wanted:
            return
        passed[text, name] += 1
        if passed[text, name] == int(number):
            order.unlink()
            if following.exists():  # strikes the successor
                following.rename(order)
            kill(victim, text.split()[3])

    faults.arm(strike)


def move_clock(offset: Path) -> None:
    """From now on the wall clock is off by what the file says."""
    real = time.time

    def shifted() -> float:
        try:
            return real() + float(offset.read_text())
        except FileNotFoundError:
            return real()

    time.time = shifted


def fill(folder: Path) -> None:
    """Take all the room there is."""
    with contextlib.suppress(OSError), (folder / FILLER).open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * FILLER_BYTES)


def lock(journal: Path) -> None:
    """For as long as this process lives nobody can write to it."""
    db = sqlite3.connect(journal, isolation_level=None)
    db.execute("BEGIN IMMEDIATE")
    held.append(db)


def kill(victim: str, served: str) -> None:
    """`served` is the commit of what serves, which tells current from candidate."""
    home = sys.argv[sys.argv.index("--home") + 1]
    if victim == "supervisor":
        os.kill(os.getpid(), signal.SIGKILL)
    if victim == "disk":
        fill(Path(home))
        return
    if victim == "effect":
        raise OSError(errno.EIO, os.strerror(errno.EIO))
    if victim == "lock":
        lock(Path(home) / "state/journal.db")
        return
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            argv = " ".join(process.cmdline())
            if home in argv and is_victim(victim, argv, served):
                process.kill()


def is_victim(victim: str, argv: str, served: str) -> bool:
    if victim in ("current", "candidate"):
        return "service.py" in argv and (served in argv) == (victim == "current")
    return MARKS[victim][0] in argv
