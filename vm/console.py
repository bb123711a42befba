"""The guest's console on this terminal: keys go in, the screen comes out, until Ctrl-]."""

from __future__ import annotations

import os
import select
import shutil
import socket
import sys
import termios
import tty
from pathlib import Path

from ops.errors import Exit, Refused
from ops.sockets import connect_unix

CONNECT_SECONDS = 5.0
CHUNK_BYTES = 65536
LEAVE = b"\x1d"


def open_console(path: Path, command: str = "") -> int:
    """Relay until the person leaves or the guest goes away. Raises Refused off a terminal."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise Refused("a console needs a terminal", "for one command: orgctl vm shell COMMAND")
    try:
        line = connect_unix(path, CONNECT_SECONDS)
    except Refused as nobody:
        raise Refused("no guest runs here", "start it with: orgctl vm up", Exit.DOWN) from nobody
    line.settimeout(None)
    print("the guest's console; leave it with Ctrl-]", file=sys.stderr, flush=True)
    kept = termios.tcgetattr(sys.stdin)
    with line:
        try:
            tty.setraw(sys.stdin)
            line.sendall(_greeting(command))
            _relay(line)
        finally:
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, kept)
    print(file=sys.stderr)
    return 0


def _greeting(command: str) -> bytes:
    """The guest's line has no size of its own: tell it ours, then what is wanted."""
    size = shutil.get_terminal_size()
    setting = f"stty rows {size.lines} cols {size.columns}"
    return f"\r {setting}; {command or 'clear'}\r".encode()


def _relay(line: socket.socket) -> None:
    keys, screen = sys.stdin.fileno(), sys.stdout.fileno()
    while True:
        ready, _, _ = select.select([keys, line], [], [])
        if keys in ready:
            pressed = os.read(keys, CHUNK_BYTES)
            if not pressed or LEAVE in pressed:
                return
            line.sendall(pressed)
        if line in ready:
            shown = line.recv(CHUNK_BYTES)
            if not shown:
                return
            while shown:
                shown = shown[os.write(screen, shown) :]
