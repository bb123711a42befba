"""Holds the listening sockets and keeps a supervisor running; small, so that it need never change.

Connections made while no supervisor runs wait in the sockets' backlog and are answered later.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import sys
import time
from pathlib import Path

from daemon.state.settings import load
from ops.errors import Exit, Failed, Trouble
from ops.layout import Layout
from ops.lease import hold
from ops.processes import Child, spawn
from ops.sockets import listen_tcp

BACKLOG = 2048
PAUSE_SECONDS_FIRST = 0.1
PAUSE_SECONDS_MAX = 30.0
STEADY_SECONDS = 60.0  # a supervisor that ran this long is forgiven its earlier crashes
READY_FD = 5


class Stop(Exception):
    """SIGTERM or SIGINT arrived."""


def start(layout: Layout, sockets: tuple[socket.socket, ...], ready: int) -> Child:
    """The supervisor, from the program that the instance names."""
    program = json.loads((layout.state / "program.json").read_bytes())
    log = os.open(layout.logs / "supervisor.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    boot = f"{program['root']}/ops/boot.py"
    argv = [program["python"], "-I", boot, "daemon.supervisor.process", "--home", str(layout.home)]
    descriptors = {3: sockets[0].fileno(), 4: sockets[1].fileno(), READY_FD: ready}
    try:
        return spawn(argv, environment=dict(os.environ), fds=descriptors, output=log)
    finally:
        os.close(log)


def first_start(layout: Layout, sockets: tuple[socket.socket, ...], ready: int) -> Child | None:
    """Start, and pass on what the supervisor says of its readiness; None when it refused."""
    ours, theirs = os.pipe()
    child = start(layout, sockets, theirs)
    os.close(theirs)
    with os.fdopen(ours, "rb") as said:
        line = said.readline()  # ends when the supervisor spoke or died
    if not line:
        raise Failed("the supervisor ended before it was ready", "see: orgctl logs supervisor")
    os.write(ready, line)
    os.close(ready)
    if b'"ready"' in line:
        return child
    child.wait(PAUSE_SECONDS_MAX)
    return None


def keep(layout: Layout, sockets: tuple[socket.socket, ...], child: Child) -> int:
    """Restart what crashes, with a growing pause; 0 ends it all."""
    pause = PAUSE_SECONDS_FIRST
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        while True:
            began = time.monotonic()
            code = child.wait(None)
            if code == 0:
                return 0
            print(f"keeper: the supervisor ended with {code}; again in {pause} s", flush=True)
            pause = PAUSE_SECONDS_FIRST if time.monotonic() - began > STEADY_SECONDS else pause
            time.sleep(pause)
            pause = min(pause * 2, PAUSE_SECONDS_MAX)
            child = start(layout, sockets, nowhere)
    except Stop:
        child.signal(signal.SIGTERM)
        return child.wait(PAUSE_SECONDS_MAX) or 0


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="daemon.supervisor.keeper")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--ready-fd", type=int, required=True)
    flags = parser.parse_args(argv)
    layout = Layout(flags.home)

    def stop(*_: object) -> None:
        raise Stop

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    try:
        with hold(layout.daemon_lease, "running this instance"):
            ports = load(layout.home).ports
            sockets = tuple(
                listen_tcp(ports.host, port, BACKLOG) for port in (ports.current, ports.candidate)
            )
            child = first_start(layout, sockets, flags.ready_fd)
            return keep(layout, sockets, child) if child else int(Exit.MISUSE)
    except Stop:
        return 0
    except Trouble as trouble:
        os.write(flags.ready_fd, json.dumps(trouble.as_json()).encode() + b"\n")
        print(trouble.message, file=sys.stderr)
        return int(trouble.code)
