"""Control groups: one for each cell where the machine lets us, so that limits count trees.

Without them limits count processes one by one.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import select
import signal
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ops.cgroup_ground import ACCOUNTING, PREFIX, Ground, removed, seen
from ops.errors import Failed

END_SECONDS = 2.0
EMPTY_POLL_SECONDS = 0.005
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Use:
    """What a cell used, as far as the machine tells: None is not known.

    `refused` names limits that said no while it ran: "processes" for a fork, "memory" for
    a process that the kernel ended.
    """

    cpu_seconds: float | None = None
    memory_bytes: int | None = None
    processes: int | None = None
    refused: tuple[str, ...] = ()


class Counted:
    """What the kernel counts of one group, whoever made it: controller -> its folder."""

    def __init__(self, version: int, folders: Mapping[str, Path]) -> None:
        self._version = version
        self._folders = folders

    def _path(self, controller: str, name: str) -> Path:
        return self._folders[controller] / name

    def use(self) -> Use:
        """As of now; nothing is known of a group that is gone."""
        refused = [name for name, count in self._refusals() if count]
        return Use(self._cpu_seconds(), self._memory_peak(), self._processes(), tuple(refused))

    def _cpu_seconds(self) -> float | None:
        if self._version == 1:
            used = _number(self._path(ACCOUNTING, "cpuacct.usage"))
            return None if used is None else used / 1e9
        counted = _table(self._path("pids", "cpu.stat")).get("usage_usec")
        return None if counted is None else counted / 1e6

    def _memory_peak(self) -> int | None:
        name = "memory.max_usage_in_bytes" if self._version == 1 else "memory.peak"
        return _number(self._path("memory", name))

    def _processes(self) -> int | None:
        return _number(self._path("pids", "pids.peak"))

    def _refusals(self) -> Iterator[tuple[str, int]]:
        yield "processes", _table(self._path("pids", "pids.events")).get("max", 0)
        name = "memory.oom_control" if self._version == 1 else "memory.events"
        yield "memory", _table(self._path("memory", name)).get("oom_kill", 0)


class Group(Counted):
    """The processes of one cell, counted and ended together."""

    def __init__(self, ground: Ground) -> None:
        name = f"{PREFIX}{os.getpid()}-{next(_numbers)}"
        super().__init__(ground.version, {k: path / name for k, path in ground.folders.items()})
        self._ended: Use | None = None
        try:
            for folder in self._distinct():
                folder.mkdir()
        except OSError as error:
            self._remove()
            raise Failed(f"no control group can be made: {error}", "see: orgctl doctor") from error

    def _distinct(self) -> list[Path]:
        return list(dict.fromkeys(self._folders.values()))

    def limit(self, memory_bytes: int, processes: int) -> None:
        """On all of them together; what the kernel has no file for is passed over."""
        _write(self._path("pids", "pids.max"), processes)
        if self._version == 1:
            _write(self._path("memory", "memory.limit_in_bytes"), memory_bytes)
            _write_if_there(self._path("memory", "memory.memsw.limit_in_bytes"), memory_bytes)
        else:
            _write(self._path("memory", "memory.max"), memory_bytes)
            _write_if_there(self._path("memory", "memory.swap.max"), 0)
            _write_if_there(self._path("memory", "memory.oom.group"), 1)

    def take(self, pid: int) -> None:
        """Before it starts anything, so that all it starts is in the group as well."""
        for folder in self._distinct():
            _write(folder / "cgroup.procs", pid)

    def use(self) -> Use:
        """As of now; after the end, as of the end."""
        return super().use() if self._ended is None else self._ended

    def end(self) -> None:
        """Every process in it, then the group itself; gone when this returns, or too stuck to."""
        if self._ended is not None:
            return
        self._ended = self.use()
        deadline = time.monotonic() + END_SECONDS
        while (left := self._members()) and time.monotonic() < deadline:
            for folder in self._distinct():
                _write_if_there(folder / "cgroup.kill", 1)
            for pid in left:
                _kill(pid, deadline)
        self._remove()

    def _members(self) -> list[int]:
        pids: set[int] = set()
        for folder in self._distinct():
            with contextlib.suppress(OSError):
                pids |= {int(line) for line in (folder / "cgroup.procs").read_text().split()}
        return sorted(pids)

    def _remove(self) -> None:
        deadline = time.monotonic() + END_SECONDS
        for folder in self._distinct():
            # The kernel lets go of a group a moment after its last process.
            while not removed(folder) and time.monotonic() < deadline:
                time.sleep(EMPTY_POLL_SECONDS)


def _kill(pid: int, deadline: float) -> None:
    with contextlib.suppress(OSError):
        descriptor = os.pidfd_open(pid)
        try:
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
            poll = select.poll()
            poll.register(descriptor, select.POLLIN)
            poll.poll(max(0.0, deadline - time.monotonic()) * 1000)
        finally:
            os.close(descriptor)


def _write(path: Path, value: int) -> None:
    try:
        path.write_text(f"{value}\n")
    except OSError as error:
        raise Failed(f"{path} cannot be set: {error.strerror}", "see: orgctl doctor") from error


def _write_if_there(path: Path, value: int) -> None:
    """Not every kernel has it, and the walls stand without it."""
    with contextlib.suppress(OSError):
        if path.exists():
            path.write_text(f"{value}\n")


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


def _table(path: Path) -> dict[str, int]:
    """`name value` lines."""
    try:
        rows = [line.split() for line in path.read_text().splitlines()]
    except OSError:
        return {}
    return {row[0]: int(row[1]) for row in rows if len(row) == 2 and row[1].isdecimal()}


def group_of(pid: int) -> Counted | None:
    """The group that somebody else put a process of this machine into; None if out of sight."""
    found = seen(pid)
    return Counted(*found) if found else None
