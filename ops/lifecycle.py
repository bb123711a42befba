"""An instance's beginning and end: make its home, start its keeper, see it gone."""

from __future__ import annotations

import json
import os
import select
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ops import client, units
from ops.errors import Exit, Failed, Refused
from ops.layout import Layout
from ops.lease import holder
from ops.loaded import ROOT
from ops.processes import spawn
from ops.run import run

if TYPE_CHECKING:
    import psutil

READY_SECONDS = 120.0
MAKE_SECONDS = 900.0
GONE_SECONDS = 60.0
LEFT_SECONDS = 10.0
POLL_SECONDS = 0.05
READY_FD = 5
ANSWER_BYTES_MAX = 2**20
VIEWERS = frozenset({"ops.orgctl", "ops.local_model", "daemon.agent.room"})  # they serve nobody


def boot(module: str, *arguments: str) -> list[str]:
    """A program of org, from the tree that this orgctl runs from."""
    return [sys.executable, "-I", str(ROOT / "ops/boot.py"), module, *arguments]


def call(module: str, *arguments: str, seconds: float = MAKE_SECONDS) -> dict[str, Any]:
    """Run a program of org that gives one JSON object. Raises what it said."""
    done = run(boot(module, *arguments), seconds=seconds, environment=dict(os.environ))
    try:
        found: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        raise Failed(f"{module} failed: {done.last_line}", "see: orgctl doctor") from None
    if "error" in found:
        raise Refused(found["error"], found.get("hint", ""), Exit(int(found.get("code", 1))))
    return found


def init(layout: Layout, repo: Path | None) -> dict[str, Any]:
    """Make the instance. Raises Refused when there is one, or nothing to evolve."""
    source = (repo or ROOT).absolute()
    if repo is None and not (source / ".git").exists():
        raise Refused(
            "this org was installed without its history",
            "name a repo with: orgctl init --repo PATH",
        )
    return call("daemon.supervisor.birth", "--home", str(layout.home), "--repo", str(source))


def up(layout: Layout) -> tuple[dict[str, Any], bool]:
    """The status once it serves, and whether it was started just now."""
    if client.running(layout):
        return client.ask(layout, "status"), False
    if units.managed(layout):
        units.start()
        return client.ask(layout, "status"), True
    if not layout.instance.exists():
        raise Refused(f"no instance at {layout.home}", "make one with: orgctl init", Exit.ABSENT)
    try:
        return _start(layout), True
    except Refused as refused:
        if refused.code is not Exit.BUSY:
            raise
    return _join(layout), False


def _start(layout: Layout) -> dict[str, Any]:
    ours, theirs = os.pipe()
    log = os.open(layout.logs / "keeper.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    argv = boot("daemon.supervisor.keeper", "--home", str(layout.home), "--ready-fd", str(READY_FD))
    try:
        child = spawn(argv, environment=dict(os.environ), fds={READY_FD: theirs}, output=log)
    finally:
        os.close(theirs)
        os.close(log)
    said = b""
    deadline = time.monotonic() + READY_SECONDS
    with os.fdopen(ours, "rb", buffering=0) as ready:
        while not said.endswith(b"\n"):
            left = deadline - time.monotonic()
            chunk = (
                ready.read(ANSWER_BYTES_MAX)
                if select.select([ready], [], [], max(0, left))[0]
                else b""
            )
            if not chunk:
                break
            said += chunk
    if not said:
        child.kill()
        raise Failed("org did not become ready", "see: orgctl logs supervisor")
    answer: dict[str, Any] = json.loads(said)
    if "ready" not in answer:
        child.wait(GONE_SECONDS)
        raise Refused(answer["error"], answer.get("hint", ""), Exit(int(answer.get("code", 1))))
    return dict(answer["ready"])


def _join(layout: Layout) -> dict[str, Any]:
    """Another `up` was faster: wait for what it starts."""
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        if client.running(layout):
            return client.ask(layout, "status")
        if holder(layout.daemon_lease) is None:
            raise Failed("the other start did not succeed", "see: orgctl logs keeper")
        select.select([], [], [], POLL_SECONDS)
    raise Failed("the other start takes too long", "see: orgctl logs keeper", Exit.BUSY)


def down(layout: Layout) -> dict[str, Any]:
    """Ask it to end, and wait until all of it is gone, the keeper last."""
    if units.managed(layout):
        units.stop()
        return {"home": str(layout.home), "state": "down"}
    keeper = (holder(layout.daemon_lease) or {}).get("pid")
    last = os.pidfd_open(keeper) if keeper else None
    try:
        said = client.ask(layout, "down")
        if last is not None and not select.select([last], [], [], GONE_SECONDS)[0]:
            raise Failed(f"org is still there after {GONE_SECONDS:g} s", "see: orgctl logs keeper")
    finally:
        if last is not None:
            os.close(last)
    _until_gone(layout)
    return said | {"state": "down"}


def _until_gone(layout: Layout) -> None:
    """Nothing that serves this home is left. Raises Failed naming what is."""
    deadline = time.monotonic() + LEFT_SECONDS
    while left := leftovers(layout):
        if time.monotonic() > deadline:
            pids = " ".join(str(pid) for pid in left)
            raise Failed(f"processes of org are left: {pids}", f"end them with: kill -9 {pids}")
        select.select([], [], [], POLL_SECONDS)


def leftovers(layout: Layout) -> list[int]:
    """Programs and cells of this home that run; orgctl's own windows are none of them."""
    import psutil

    home = str(layout.home)
    found = []
    for process in psutil.process_iter(["cmdline"]):
        argv = process.info["cmdline"] or []
        if f"--git-dir={layout.repo}" in argv:
            found.append(process.pid)
        named = any(part == home or part.startswith(f"{home}/") for part in argv)
        if named and any(map(_is_program, argv)) and not _is_viewers(process):
            found.append(process.pid)
    return found


def _is_viewers(process: psutil.Process) -> bool:
    """Whether somebody who steers or chats runs it: it ends when that one does."""
    import psutil

    try:
        line = [process, *process.parents()]
        return any(VIEWERS & set(one.cmdline()) for one in line)
    except psutil.Error:
        return False


def _is_program(part: str) -> bool:
    return part.endswith("/ops/boot.py") or Path(part).name == "bwrap"
