"""What org needs of the machine, checked one by one, each with its remedy."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from threading import Thread
from typing import Any

from ops import client, doctor_guest, preferences
from ops.checks import Check
from ops.errors import Trouble
from ops.files import free_bytes
from ops.layout import Layout
from ops.loaded import ROOT
from ops.processes import port_holder
from ops.run import run

SECONDS_MAX = 25.0  # for all checks; whoever asks has an answer within 30 s
GUEST_SECONDS_MAX = 100.0  # the same where systemd runs org: its processors may be emulated
FREE_BYTES_MIN = 500 * 2**20
COMMAND_SECONDS = 20.0
PYTHON_MIN = (3, 11)
GIT_MIN = (2, 39)
MODEL_SECONDS = 3.0
ANSWER_BYTES_MAX = 2**20
NAMES_SHOWN_MAX = 3
BUGS = (TypeError, AttributeError, ArithmeticError, RuntimeError)


Look = Callable[[Layout], Check | None]


def examine(layout: Layout, seconds: float | None = None) -> dict[str, Any]:
    """`{"ok", "checks": [...]}`; a check that breaks, or is not done in time, is a failed one."""
    inside = doctor_guest.checks(layout)
    most = seconds or (GUEST_SECONDS_MAX if inside else SECONDS_MAX)
    checks = [one for one in _looked((*CHECKS, *inside), layout, most) if one is not None]
    needed = [check for check in checks if check.needed]
    return {"ok": all(check.ok for check in needed), "checks": [check.view() for check in checks]}


def _looked(every: Sequence[Look], layout: Layout, seconds: float) -> Iterable[Check | None]:
    """Side by side, so that one that hangs keeps neither the others nor the end waiting."""
    found: dict[Look, Check | None] = {}

    def look(check: Look) -> None:
        found[check] = _safely(check, layout)

    threads = [Thread(target=look, args=(check,), daemon=True) for check in every]
    deadline = time.monotonic() + seconds
    for thread in threads:
        thread.start()
    for check, thread in zip(every, threads, strict=True):
        thread.join(max(0.0, deadline - time.monotonic()))
        text = f"it was not done within {seconds:g} s"
        late = Check(check.__name__, False, text, "try again", needed=check not in TOLD)
        yield late if thread.is_alive() else found[check]


def _safely(check: Look, layout: Layout) -> Check | None:
    try:
        return check(layout)
    except Trouble as broken:
        return Check(check.__name__, False, broken.message, broken.hint or "see the detail")
    except (OSError, ValueError, LookupError) as broken:
        return Check(check.__name__, False, f"{broken}", "see the detail")
    except BUGS as bug:  # the others are told all the same, and this one with them
        return Check(check.__name__, False, f"{type(bug).__name__}: {bug}", "report a bug")


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


def cells(layout: Layout) -> Check:
    """A cell can be made, and has no network; which walls stand is told."""
    from ops.cell import Cell, walls
    from ops.cell import run as run_cell

    kind = preferences.backend(layout)
    standing = ", ".join(walls(kind))  # raises Refused where such cells cannot be made
    if kind == "none":
        remedy = "remove cells.backend from org.toml"
        return Check("cells", False, "no walls were asked for", remedy, needed=False)
    done = run_cell(Cell(argv=("cat", "/proc/net/dev"), backend=kind))
    if done.exit != 0:
        said = done.stderr.decode("utf-8", "replace").strip()[-200:]
        remedy = "sysctl -w kernel.unprivileged_userns_clone=1, or run as root"
        return Check("cells", False, f"{kind} fails: {said}", remedy)
    names = [row.split(":")[0].strip() for row in done.stdout.decode().splitlines() if ":" in row]
    network = ", ".join(names) or "none"
    text = f"{kind}: {standing}; network inside: {network}"
    return Check("cells", set(names) <= {"lo"}, text, "report a bug")


def _folder(layout: Layout) -> Path:
    """The home, or what stands where it would be made."""
    return next(path for path in (layout.home, *layout.home.parents) if path.exists())


def disk(layout: Layout) -> Check:
    folder = _folder(layout)
    free = free_bytes(folder)
    text = f"{free // 2**20} MiB free at {folder}"
    return Check("disk", free >= FREE_BYTES_MIN, text, "free some space")


def home(layout: Layout) -> Check:
    folder = _folder(layout)
    good = folder.is_dir() and os.access(folder, os.W_OK)
    text = str(layout.home) if good else f"{layout.home}: {folder} cannot be written"
    return Check("home", good, text, "name another with --home")


def ports(layout: Layout) -> Check:
    if client.running(layout):
        return Check("ports", True, "held by this instance")
    wanted = tuple(preferences.ports(layout).values())
    taken = [f"{port} by {who}" for port in wanted if (who := port_holder(port)) is not None]
    text = f"taken: {', '.join(taken)}" if taken else f"{wanted[0]} and {wanted[1]} are free"
    return Check("ports", not taken, text, "stop them, or set [ports] in org.toml")


def daemon(layout: Layout) -> Check:
    up = client.running(layout)
    return Check("daemon", up, "running" if up else "not running", "orgctl up", needed=False)


def cgroups(_: Layout) -> Check:
    """With them the limits of a cell hold for all of it together, without for each process."""
    from ops.cgroup_ground import ground

    found = ground()
    if found is None:
        text = "none that org may use: limits hold for each process by itself"
        remedy = "run org as a systemd unit with Delegate=yes, or as root"
        return Check("cgroups", False, text, remedy, needed=False)
    text = f"version {found.version}: limits hold for a whole cell"
    return Check("cgroups", True, text, needed=False)


def model(layout: Layout) -> Check:
    """Without one only recorded sessions can be replayed, which is enough to try org out."""
    from http.client import HTTPException
    from urllib.request import ProxyHandler, build_opener

    base = preferences.endpoint(layout).rstrip("/").removesuffix("/v1")
    remedy = "start it, or name another with OLLAMA_BASE; recorded sessions need none"
    try:
        with build_opener(ProxyHandler({})).open(
            f"{base}/v1/models", timeout=MODEL_SECONDS
        ) as said:
            listed = json.loads(said.read(ANSWER_BYTES_MAX))["data"]
            names = [str(one["id"]) for one in listed]
    except (OSError, HTTPException, ValueError, LookupError, TypeError) as error:
        return Check("model", False, f"no model answers at {base}: {error}", remedy, needed=False)
    shown = ", ".join(names[:NAMES_SHOWN_MAX]) or "no model"
    return Check("model", bool(names), f"{base} offers {shown}", "ollama pull", needed=False)


def signing(layout: Layout) -> Check | None:
    """Whether the key that is configured can sign; nothing is told where there is none."""
    found = preferences.signer(layout)  # raises Refused when it cannot
    return Check("signing", True, f"{found.key} signs merges and tags") if found else None


def clock(_: Layout) -> Check:
    """A clock behind org's own files would date commits before what they build on."""
    made = (ROOT / "ops" / "boot.py").stat().st_mtime
    text = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
    return Check("clock", time.time() >= made, text, "set the clock", needed=False)


CHECKS = (python, git, tmux, cells, disk, home, ports, clock, cgroups, model, signing, daemon)
TOLD = frozenset({clock, cgroups, model, daemon})  # and no failure
