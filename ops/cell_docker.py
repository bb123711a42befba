"""Cells by a docker engine: a shim process stands for the container, and what it holds goes in.

The shim is to the container what bubblewrap is to its cell: it passes descriptors in and
output out, says the pid inside, and ends with the command's code. It is a process of its own
so that the engine's pace never holds up who asked.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import select
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

from ops import seccomp
from ops.cell_order import Cell, inside, per_process
from ops.cgroups import Use
from ops.errors import Failed, Refused
from ops.loaded import ROOT
from ops.mounts import SYSTEM_LINKS, SYSTEM_MOUNTS
from ops.processes import Child, spawn

HOST_VARIABLE = "DOCKER_HOST"
ENGINE_VARIABLES = (HOST_VARIABLE, "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY")
SOCKET_DEFAULT = "unix:///var/run/docker.sock"
ORDER_FD, STATE_FD, INFO_FD = 90, 91, 92
STATE_BYTES_MAX = 4096
INFO_SECONDS = 60.0  # an engine that makes its first container on a slow disk
CONNECT_SECONDS = 2.0
END_SECONDS = 2.0
LABEL = "org.cell"
_numbers = itertools.count(1)


def available() -> None:
    """Raises Refused, with the remedy, when no engine answers here."""
    where = os.environ.get(HOST_VARIABLE, SOCKET_DEFAULT)
    if not where.startswith("unix://"):
        return  # the shim says when nothing answers there
    try:
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(CONNECT_SECONDS)
            probe.connect(where.removeprefix("unix://"))
    except OSError as error:
        text = f"no docker engine answers at {where}: {error.strerror or error}"
        raise Refused(text, f"start dockerd, or name another with {HOST_VARIABLE}") from error


def engine_environment() -> dict[str, str]:
    """What names the engine, for a child that makes cells itself."""
    return {key: os.environ[key] for key in ENGINE_VARIABLES if key in os.environ}


def walls() -> tuple[str, ...]:
    """What stands between such a cell and the machine, for people."""
    found = ("namespaces (of users only if the engine remaps them)", "limits by the engine")
    return (*found, "kernel filter" if seccomp.program() else "the engine's own kernel filter")


class Container:
    """What the shim tells of the container, and its end when the shim cannot bring it about."""

    def __init__(self, name: str, state: int) -> None:
        self.name = name
        self.inner: int | None = None
        self._state = state
        self._ended: Use | None = None

    def _told(self) -> dict[str, Any]:
        said = os.pread(self._state, STATE_BYTES_MAX, 0).rstrip(b"\0 ")
        try:
            return dict(json.loads(said)) if said else {}
        except ValueError:  # seen while it was written; the next look sees it whole
            return {}

    def use(self) -> Use:
        if self._ended is not None:
            return self._ended
        told = self._told()
        refused = tuple(str(name) for name in told.get("refused", ()))
        return Use(
            told.get("cpu_seconds"), told.get("memory_bytes"), told.get("processes"), refused
        )

    def end(self) -> None:
        """Raises Failed when the engine cannot be made to end it."""
        if self._ended is not None:
            return
        self._ended = self.use()
        removed = bool(self._told().get("removed"))
        os.close(self._state)
        if removed:
            return
        if self.inner is not None:
            _kill(self.inner)  # at once; the engine takes its time
        from ops.cell_docker_shim import remove

        remove(self.name)


def _kill(pid: int) -> None:
    with contextlib.suppress(OSError):
        descriptor = os.pidfd_open(pid)
        try:
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
            select.select([descriptor], [], [], END_SECONDS)
        finally:
            os.close(descriptor)


def start(cell: Cell, fds: dict[int, int]) -> Child:
    """Start it through the engine. Raises Failed when the engine does not."""
    name = f"org-cell-{os.getpid()}-{next(_numbers)}"
    order = _memory(json.dumps(_order(cell, name)).encode())
    state = _memory(b"")
    told, tell = os.pipe()
    try:
        environment = {"PATH": os.environ.get("PATH", "")} | engine_environment()
        argv = (sys.executable, "-I", str(ROOT / "ops/boot.py"), "ops.cell_docker_shim")
        wanted = fds | {ORDER_FD: order, STATE_FD: state, INFO_FD: tell}
        child = spawn(argv, environment=environment, fds=wanted)
        os.close(tell)
        container = Container(name, state)
        child.room = container
        said = _answer(told)
    finally:
        os.close(order)
        os.close(told)
    if "pid" not in said:
        child.kill()
        raise Failed(str(said.get("error", "the docker engine said nothing")), "see: orgctl doctor")
    child.inner = container.inner = int(said["pid"]) or None
    return child


def _is_folder(link: str) -> bool:
    return Path(link).is_dir() and not Path(link).is_symlink()


def _memory(data: bytes) -> int:
    made = os.memfd_create("cell-order")
    os.write(made, data)
    os.lseek(made, 0, os.SEEK_SET)
    return made


def _answer(told: int) -> dict[str, Any]:
    """One line of the shim; empty when it ended or was silent for too long."""
    said, deadline = b"", time.monotonic() + INFO_SECONDS
    while not said.endswith(b"\n"):
        ready, _, _ = select.select([told], [], [], max(0.0, deadline - time.monotonic()))
        piece = os.read(told, STATE_BYTES_MAX) if ready else b""
        if not piece:
            return {}
        said += piece
    return dict(json.loads(said))


def _order(cell: Cell, name: str) -> dict[str, Any]:
    limits = cell.limits
    kept = {key: most for key, most in per_process(limits).items() if key != "as"}
    # The engine makes folders for what is missing; bubblewrap passes the system's over.
    there = [m for m in cell.mounts if m not in SYSTEM_MOUNTS or m.source.exists()]
    mounts = [(str(m.source), str(m.target), m.writable) for m in there]
    mounts += [(link, link, False) for link in SYSTEM_LINKS if _is_folder(link)]
    return {
        "name": name,
        "bound": cell.bound,
        "argv": cell.argv,
        "mounts": mounts,
        "directory": cell.directory,
        "environment": inside(cell),
        "per_process": kept,
        "memory_bytes": limits.memory_bytes,
        "processes": limits.processes,
        "tmp_bytes": limits.file_bytes,
        "fds": sorted(number for number in cell.fds if number > 2),
        "user": f"{os.geteuid()}:{os.getegid()}",
        "filter": seccomp.profile(cell.serves),
    }
