"""One supervisor's life as the keeper sees it: started, listened to, and seen to its end.

What the supervisor gives into custody, children and the lines to them, outlives it.
"""

from __future__ import annotations

import os
import select
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from daemon.core.keeping import RENEW_CODE, Program, Seen
from daemon.state.programs import Code
from ops.layout import Layout
from ops.processes import Child, spawn
from ops.sockets import packets, receive_packet, send_packet

SILENT_SECONDS = {Program.GOOD: 60.0, Program.TRIAL: 8.0}
TRIAL_READY_SECONDS = 20.0
END_SECONDS = 30.0
FIRST_FD = 3  # the listening sockets, the ear of whoever waits for readiness, and our line


@dataclass
class Custody:
    """Descriptors by key, with what their owner wrote down of them."""

    held: dict[str, tuple[dict[str, Any], list[int]]] = field(default_factory=dict)

    def put(self, key: str, record: dict[str, Any], fds: list[int]) -> None:
        self.drop(key)
        self.held[key] = (record, fds)

    def drop(self, key: str) -> None:
        for descriptor in self.held.pop(key, ({}, []))[1]:
            os.close(descriptor)

    def hand_over(self, line: socket.socket) -> None:
        for key, (record, fds) in self.held.items():
            send_packet(line, {"key": key, "record": record}, fds)
        send_packet(line, {"end": True})


@dataclass
class Reign:
    """`ready` and `blessed` are what the supervisor said of itself."""

    program: Program
    child: Child
    line: socket.socket
    custody: Custody
    ready: bool = False
    blessed: bool = False

    def watch(self) -> Seen:
        """Until it ends, is blessed, or gives no sign of life for too long."""
        began = heard = time.monotonic()
        wakes = select.poll()
        wakes.register(self.child, select.POLLIN)
        wakes.register(self.line, select.POLLIN)
        while True:
            last = heard + SILENT_SECONDS[self.program]
            if self.program is Program.TRIAL and not self.ready:
                last = min(last, began + TRIAL_READY_SECONDS)
            if not wakes.poll(max(0.0, last - time.monotonic()) * 1000):
                return Seen.SILENT
            if self._hear():
                heard = time.monotonic()
            if self.child.poll() is not None:
                return _seen(self.child.poll())
            if self.blessed and self.program is Program.TRIAL:
                return Seen.BLESSED

    def _hear(self) -> bool:
        """Everything it said by now; whether there was anything."""
        heard = False
        while True:
            try:
                packet = receive_packet(self.line)
            except BlockingIOError:
                return heard
            if packet is None:  # it closed its end: what follows is its own end
                return heard
            heard = True
            self._take(*packet)

    def _take(self, message: dict[str, Any], fds: list[int]) -> None:
        if "key" in message:
            self.custody.put(str(message["key"]), message["record"], fds)
        elif "drop" in message:
            self.custody.drop(str(message["drop"]))
        self.ready = self.ready or "ready" in message
        self.blessed = self.blessed or "blessed" in message

    def end(self, number: int) -> int | None:
        """Ask it to end, and hear it out; its exit code, None when it would not."""
        self.child.signal(number)
        return self.child.wait(END_SECONDS)

    def close(self) -> int | None:
        """Nothing of it is left but what it gave into custody."""
        self._hear()
        self.child.kill_alone()
        code = self.child.poll()
        self.child.close()
        self.line.close()
        return code


def _seen(code: int | None) -> Seen:
    return {0: Seen.ASKED, RENEW_CODE: Seen.RENEWS}.get(code or 0, Seen.CRASHED)


def begin(
    layout: Layout, chosen: tuple[Program, Code], sockets: Sequence[int], custody: Custody
) -> Reign:
    """Start it; `sockets` become its descriptors from 3 on, our line comes after them."""
    program, code = chosen
    ours, theirs = packets()
    boot = ["-I", str(code.root / "ops/boot.py"), "daemon.supervisor.process"]
    argv = [str(code.python), *boot, "--home", str(layout.home)]
    promised = dict(enumerate([*sockets, theirs.fileno()], FIRST_FD))
    with Path(layout.logs / "supervisor.log").open("ab") as log, theirs:
        child = spawn(argv, environment=os.environ, fds=promised, output=log.fileno())
    custody.hand_over(ours)
    ours.setblocking(False)
    return Reign(program, child, ours, custody)
