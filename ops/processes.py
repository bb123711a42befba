"""Processes that org starts: known by descriptor, in a session of their own, ended whole.

A child started with a parent-death signal (a cell) is bound to the thread that spawned
it: spawn from a thread that stays for as long as the child shall live.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ops.cgroups import Use
from ops.errors import Failed, Refused
from ops.faults import point

if TYPE_CHECKING:  # its import would cost every orgctl call what few need
    import psutil

HIGH_FD = 200  # sources are moved above every number a child is promised
SWEEP_SECONDS = 2.0
SWEEP_ROUNDS_MAX = 20
ENDED_ELSEWHERE = 255  # the code of one that another process reaped
OPEN_FDS = "/proc/self/fd"


class Room(Protocol):
    """What holds a child and all it started, where there is such a thing."""

    def use(self) -> Use: ...

    def end(self) -> None: ...


class Child:
    """One process we started; the descriptor cannot come to mean another one, as a pid can."""

    def __init__(self, pid: int, descriptor: int | None = None) -> None:
        """With `descriptor` it is one that another process started, and gave us."""
        self.pid = pid
        self.mark: str | None = None  # in the environment of all it starts, where no walls end it
        self.room: Room | None = None  # is ended with the child, and knows what it used
        self.writers: tuple[Child, ...] = ()  # of its logs; they end by themselves once it has
        self.started = time.time()
        self._spent = Use()
        self._pidfd = os.pidfd_open(pid) if descriptor is None else descriptor
        self._code: int | None = None
        self._inner: int | None = None
        self._inner_pidfd = -1

    @property
    def inner(self) -> int | None:
        """The process inside a cell, where that is another one."""
        return self._inner

    @inner.setter
    def inner(self, pid: int | None) -> None:
        self._inner = pid
        with contextlib.suppress(ProcessLookupError):  # it ended already: nothing to hold
            self._inner_pidfd = os.pidfd_open(pid) if pid is not None else -1

    def descriptors(self) -> tuple[int, ...]:
        """What to hand to whoever shall have it after us."""
        return (self._pidfd,) if self._inner_pidfd < 0 else (self._pidfd, self._inner_pidfd)

    def adopt_inner(self, pid: int, descriptor: int) -> None:
        self._inner, self._inner_pidfd = pid, descriptor

    def fileno(self) -> int:
        """Readable once it has ended."""
        return self._pidfd

    def poll(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""
        if self._code is None:
            try:
                pid, status, used = os.wait4(self.pid, os.WNOHANG)
                if pid == self.pid:
                    self._code = os.waitstatus_to_exitcode(status)
                    self._spent = Use(used.ru_utime + used.ru_stime, used.ru_maxrss * 1024)
            except ChildProcessError:  # not ours to reap; its descriptor tells all the same
                if _readable(self._pidfd, 0):
                    self._code = ENDED_ELSEWHERE
        return self._code

    def use(self) -> Use:
        """What it and all it started used, as far as that is known; complete once it has ended."""
        return self._spent if self.room is None else self.room.use()

    def wait(self, seconds: float | None) -> int | None:
        """Its exit code; None when the limit passed first."""
        if self._code is None:
            _readable(self._pidfd, seconds)
        return self.poll()

    def signal(self, number: int) -> None:
        """To the process itself; no error when it has ended."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, number)

    def kill(self) -> None:
        """End it with everything it started, as far as a group and a sweep can reach."""
        import psutil

        family = _descendants(self.pid) if self.poll() is None else []
        # Once it was reaped, a process of its number is another one, and so is that one's
        # group; while its own group has members, the kernel gives the number to nobody.
        if self._code is None or not psutil.pid_exists(self.pid):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
        self.signal(signal.SIGKILL)
        if self._inner_pidfd >= 0:  # it may outlive the walls' own process
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._inner_pidfd, signal.SIGKILL)
            _readable(self._inner_pidfd, SWEEP_SECONDS)
        _end(family)
        self.wait(SWEEP_SECONDS)
        if self.room is not None:
            self.room.end()
        if self.mark is not None:
            sweep(self.mark)
        for writer in self.writers:
            writer.wait(SWEEP_SECONDS)

    def kill_alone(self) -> None:
        """End it and nothing it started."""
        self.signal(signal.SIGKILL)
        self.wait(SWEEP_SECONDS)

    def close(self) -> None:
        """Give the descriptor back; only for a child that has ended."""
        for descriptor in (self._pidfd, self._inner_pidfd):
            if descriptor >= 0:
                os.close(descriptor)
        self._pidfd = self._inner_pidfd = -1

    def __del__(self) -> None:
        if hasattr(self, "_inner_pidfd"):
            self.close()


def _readable(descriptor: int, seconds: float | None) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(None if seconds is None else seconds * 1000))


def family(pid: int) -> set[int]:
    """`pid` and all that descends from it."""
    return {pid, *(process.pid for process in _descendants(pid))}


def _descendants(pid: int) -> list[psutil.Process]:
    import psutil

    try:
        return list(psutil.Process(pid).children(recursive=True))
    except psutil.Error:
        return []


def _end(family: Sequence[psutil.Process]) -> None:
    """Kill each and wait until it has ended; who reaps it does not matter."""
    import psutil

    deadline = time.monotonic() + SWEEP_SECONDS
    for process in family:
        with contextlib.suppress(psutil.Error, ProcessLookupError):
            descriptor = os.pidfd_open(process.pid)
            try:
                process.kill()  # checks that the pid still means the same process
                _readable(descriptor, max(0.0, deadline - time.monotonic()))
            finally:
                os.close(descriptor)
            with contextlib.suppress(ChildProcessError):  # an orphan that fell to us as pid 1
                os.waitpid(process.pid, os.WNOHANG)


def sweep(mark: str) -> int:
    """End every process that was started with `NAME=value` in its environment; gives how many.

    This finds what forked twice into a session of its own where no walls end it.
    """
    import psutil

    ended = 0
    for _ in range(SWEEP_ROUNDS_MAX):  # one that forks meanwhile is found in the next round
        found = [pid for pid in psutil.pids() if mark.encode() in _environment(pid)]
        if not found:
            break
        _end([one for pid in found for one in _known(pid)])
        ended += len(found)
    return ended


def _known(pid: int) -> list[psutil.Process]:
    import psutil

    try:
        return [psutil.Process(pid)]
    except psutil.Error:
        return []


def _environment(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:  # it ended, or is another user's
        return []


def _inherited(kept: Mapping[int, int]) -> list[int]:
    """Our descriptors that a child would get unasked: what we were started with ourselves."""
    found = []
    for name in os.listdir(OPEN_FDS):  # noqa: PTH208 - names, not paths, and in a hot place
        number = int(name)
        with contextlib.suppress(OSError):  # the listing's own, closed by now
            if number > 2 and number not in kept and os.get_inheritable(number):
                found.append(number)
    return found


def spawn(
    argv: Sequence[str],
    *,
    environment: Mapping[str, str],
    fds: Mapping[int, int] | None = None,
    output: int | None = None,
    directory: Path | None = None,
) -> Child:
    """Start `argv` in a session of its own with nothing on its standard input.

    `fds` maps the child's descriptor numbers to ours, `output` is for 1 and 2; beyond
    these nothing is inherited.
    Raises Refused when the program is not there.
    """
    wanted = dict(fds or {})
    if output is not None:
        wanted |= {1: output, 2: output}
    command = ["env", "-C", str(directory), *argv] if directory else list(argv)
    # A source might have the number of another's target; moved high first, none is lost.
    high = {
        inside: fcntl.fcntl(ours, fcntl.F_DUPFD_CLOEXEC, HIGH_FD) for inside, ours in wanted.items()
    }
    actions: list[tuple[int, ...] | tuple[int, int, str, int, int]] = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)
    ]
    actions += [(os.POSIX_SPAWN_CLOSE, number) for number in _inherited(wanted)]
    actions += [(os.POSIX_SPAWN_DUP2, ours, inside) for inside, ours in high.items()]
    point("spawn.before")
    try:
        pid = os.posix_spawnp(
            command[0],
            command,
            dict(environment),
            file_actions=actions,
            setsid=True,
            setsigmask=[],
            setsigdef=[signal.SIGPIPE, signal.SIGINT, signal.SIGTERM, signal.SIGXFSZ],
        )
    except FileNotFoundError as error:
        raise Refused(f"{command[0]} is not installed", f"install {command[0]}") from error
    except OSError as error:
        raise Failed(
            f"{command[0]} could not be started: {error.strerror}", "see: orgctl doctor"
        ) from error
    finally:
        for descriptor in high.values():
            os.close(descriptor)
    point("spawn.after")
    return Child(pid)


def port_holder(port: int) -> str | None:
    """Who listens on a TCP port of this machine, as `python3 (pid 123)`; None when nobody does."""
    import psutil

    for connection in psutil.net_connections("tcp"):
        if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port:
            if connection.pid is None:
                return "a process of another user"
            with contextlib.suppress(psutil.Error):
                return f"{psutil.Process(connection.pid).name()} (pid {connection.pid})"
    return None
