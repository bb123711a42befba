"""What systemd and a service tell each other: sockets handed over, readiness, signs of life.

Outside systemd the variables are not set, and everything here does nothing.
"""

from __future__ import annotations

import contextlib
import os
import socket

FIRST_FD = 3
PINGS_PER_LIMIT = 3  # two may be late before the watchdog bites


def listening(wanted: int) -> tuple[socket.socket, ...]:
    """The sockets that systemd listens on for us, in the unit's order; none outside systemd."""
    ours = os.environ.pop("LISTEN_PID", "") == str(os.getpid())
    count = int(os.environ.pop("LISTEN_FDS", "0")) if ours else 0
    os.environ.pop("LISTEN_FDNAMES", None)
    if count != wanted:
        return ()
    taken = []
    for number in range(FIRST_FD, FIRST_FD + count):
        os.set_inheritable(number, False)
        taken.append(socket.socket(fileno=number))
    return tuple(taken)


def say(**fields: str) -> None:
    """Tell systemd, as in `say(READY="1", STATUS="…")`; whoever does not listen misses it."""
    name = os.environ.get("NOTIFY_SOCKET")
    if not name:
        return
    address = f"\0{name[1:]}" if name.startswith("@") else name
    text = "\n".join(f"{key}={value}" for key, value in fields.items())
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.setblocking(False)
        with contextlib.suppress(OSError):
            line.sendto(text.encode(), address)


def ping_seconds() -> float | None:
    """How often a sign of life is due; None when no watchdog waits for one."""
    limit = os.environ.get("WATCHDOG_USEC")
    return int(limit) / 1e6 / PINGS_PER_LIMIT if limit else None
