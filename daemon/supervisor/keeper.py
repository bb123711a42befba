"""Holds the sockets and the children, and keeps a supervisor running; small, so as never to change.

Connections made while no supervisor runs wait in the backlog; those under way notice nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from daemon.core.keeping import Do, Program, Seen, decide
from daemon.state.programs import Programs
from daemon.state.settings import load
from daemon.supervisor.reign import Custody, begin
from ops import notify
from ops.errors import Trouble
from ops.layout import Layout
from ops.lease import hold
from ops.sockets import listen_tcp

BACKLOG = 2048
PAUSE_SECONDS_FIRST, PAUSE_READY_SECONDS_MAX, PAUSE_SECONDS_MAX = 0.05, 0.5, 30.0
STEADY_SECONDS = 60.0  # a supervisor that ran this long is forgiven its earlier crashes
SLOTS = ("current", "candidate")  # in this order in systemd/org.socket too
LOST = {"error": "the supervisor ended before it was ready", "hint": "see: orgctl logs supervisor"}


def keep(layout: Layout, sockets: tuple[socket.socket, ...], ear: int) -> int:
    """One supervisor after the other, as the table says; gives the last one's exit code."""
    programs, custody, pause = Programs(layout), Custody(), PAUSE_SECONDS_FIRST
    started = False  # whoever started us hears of the first one's fate, and decides
    while True:
        began, chosen = time.monotonic(), programs.choose()
        reign = begin(layout, chosen, [*(one.fileno() for one in sockets), ear], custody)
        try:
            while (seen := reign.watch()) is Seen.BLESSED:
                programs.settle(Do.KEEP)
                reign.program = Program.GOOD
        except KeyboardInterrupt:
            reign.end(signal.SIGTERM)
            return reign.close() or 0
        started, code = started or reign.ready, reign.close()
        if seen is Seen.CRASHED and not started and reign.program is Program.GOOD:
            tell(ear, LOST)
            return code or 1
        do = decide(reign.program, seen, chosen[1].tries)
        print(f"keeper: the {reign.program} supervisor {seen} ({code}): {do}", flush=True)
        programs.settle(do, f"the supervisor of {chosen[1].root.name[:12]} {seen}")
        if do is Do.END:
            return code or 0
        if do is Do.AGAIN:
            steady = time.monotonic() - began > STEADY_SECONDS
            most = PAUSE_READY_SECONDS_MAX if reign.ready else PAUSE_SECONDS_MAX
            pause = PAUSE_SECONDS_FIRST if steady else min(pause * 2, most)
            time.sleep(pause)


def tell(ear: int, message: Mapping[str, object]) -> None:
    """To whoever started us; nobody may be there any more."""
    try:
        os.write(ear, json.dumps(message).encode() + b"\n")
    except BrokenPipeError:
        print(message, file=sys.stderr)


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="daemon.supervisor.keeper")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--ready-fd", type=int, help="told when it serves; systemd is told too")
    flags = parser.parse_args(argv)
    if flags.ready_fd is None:
        flags.ready_fd = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    layout = Layout(flags.home)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.default_int_handler)  # raises KeyboardInterrupt
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    try:
        with hold(layout.daemon_lease, "running this instance"):
            ports = load(layout.home).ports
            sockets = notify.listening(len(SLOTS)) or tuple(
                listen_tcp(ports.host, getattr(ports, slot), BACKLOG) for slot in SLOTS
            )
            return keep(layout, sockets, flags.ready_fd)
    except KeyboardInterrupt:
        return 0
    except Trouble as trouble:
        tell(flags.ready_fd, trouble.as_json())
        print(trouble.message, file=sys.stderr)
        return int(trouble.code)
