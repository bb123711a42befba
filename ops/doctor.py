"""What org needs of the machine, checked one by one, each with its remedy."""

from __future__ import annotations

import os
import shutil
import sys
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ops import client
from ops.errors import Trouble
from ops.files import free_bytes
from ops.layout import Layout
from ops.processes import port_holder
from ops.run import run

FREE_BYTES_MIN = 500 * 2**20
COMMAND_SECONDS = 20.0
PYTHON_MIN = (3, 11)
GIT_MIN = (2, 39)
PORTS_DEFAULT = (7001, 7002)


@dataclass(frozen=True)
class Check:
    """`needed` False: told, but no failure."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""
    needed: bool = True

    def view(self) -> dict[str, Any]:
        shown = {"name": self.name, "ok": self.ok, "detail": self.detail}
        return shown | {"remedy": "" if self.ok else self.remedy, "needed": self.needed}


def examine(layout: Layout) -> dict[str, Any]:
    """`{"ok", "checks": [...]}`; a check that breaks is a failed one."""
    checks = [_safely(check, layout) for check in CHECKS]
    needed = [check for check in checks if check.needed]
    return {"ok": all(check.ok for check in needed), "checks": [check.view() for check in checks]}


def _safely(check: Callable[[Layout], Check], layout: Layout) -> Check:
    try:
        return check(layout)
    except (Trouble, OSError, ValueError) as broken:
        return Check(check.__name__, False, f"{broken}", "see the detail")


def python(_: Layout) -> Check:
    version = sys.version.split()[0]
    return Check("python", sys.version_info >= PYTHON_MIN, version, "install Python 3.11 or newer")


def git(_: Layout) -> Check:
    said = run(["git", "--version"], seconds=COMMAND_SECONDS).stdout.decode().split()[2]
    numbers = tuple(int(part) for part in said.split(".")[:2])
    return Check("git", numbers >= GIT_MIN, said, "apt-get install git")


def tmux(_: Layout) -> Check:
    found = shutil.which("tmux")
    return Check("tmux", found is not None, found or "not installed", "apt-get install tmux")


def cells(_: Layout) -> Check:
    """A cell can be made, and has no network."""
    if shutil.which("bwrap") is None:
        return Check("cells", False, "bubblewrap is not installed", "apt-get install bubblewrap")
    from ops.cell import Cell
    from ops.cell import run as run_cell

    done = run_cell(Cell(argv=("cat", "/proc/net/dev")))
    if done.exit != 0:
        said = done.stderr.decode("utf-8", "replace").strip()[-200:]
        remedy = "sysctl -w kernel.unprivileged_userns_clone=1, or run as root"
        return Check("cells", False, f"bubblewrap fails: {said}", remedy)
    names = [row.split(":")[0].strip() for row in done.stdout.decode().splitlines() if ":" in row]
    alone = set(names) <= {"lo"}
    return Check("cells", alone, f"network inside: {', '.join(names) or 'none'}", "report a bug")


def disk(layout: Layout) -> Check:
    folder = next(path for path in (layout.home, *layout.home.parents) if path.exists())
    free = free_bytes(folder)
    text = f"{free // 2**20} MiB free at {folder}"
    return Check("disk", free >= FREE_BYTES_MIN, text, "free some space")


def home(layout: Layout) -> Check:
    folder = next(path for path in (layout.home, *layout.home.parents) if path.exists())
    return Check("home", os.access(folder, os.W_OK), str(layout.home), "name another with --home")


def ports(layout: Layout) -> Check:
    if client.running(layout):
        return Check("ports", True, "held by this instance")
    wanted = PORTS_DEFAULT
    if layout.settings.exists():
        named = tomllib.loads(layout.settings.read_text()).get("ports", {})
        wanted = (named.get("current", wanted[0]), named.get("candidate", wanted[1]))
    taken = [f"{port} by {who}" for port in wanted if (who := port_holder(port)) is not None]
    text = f"taken: {', '.join(taken)}" if taken else f"{wanted[0]} and {wanted[1]} are free"
    return Check("ports", not taken, text, "stop them, or set [ports] in org.toml")


def daemon(layout: Layout) -> Check:
    up = client.running(layout)
    return Check("daemon", up, "running" if up else "not running", "orgctl up", needed=False)


def cgroups(_: Layout) -> Check:
    unified = Path("/sys/fs/cgroup/cgroup.controllers").exists()
    text = "version 2" if unified else "version 1, or none: cells are ended by group and sweep"
    return Check(
        "cgroups", unified, text, "boot with systemd.unified_cgroup_hierarchy=1", needed=False
    )


CHECKS = (python, git, tmux, cells, disk, home, ports, cgroups, daemon)
