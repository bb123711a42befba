"""A cell that serves holds a socket of the host's network, and gets no further by it."""

from __future__ import annotations

import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from ops.cell import Outcome, run
from ops.mounts import Mount
from tests.ops.cells import Maker

PATIENCE_SECONDS = 10.0
LISTENING_FD = 3
# What could be made of the listening socket, and of a connection that came by it. Addresses are
# given to the kernel itself: Python would not send some of them.
TRIED = """
import ctypes, errno, os, socket, struct
libc = ctypes.CDLL(None, use_errno=True)
where = struct.pack("=H2s4s8x", socket.AF_INET, struct.pack(">H", PORT), bytes([127, 0, 0, 1]))
longer, nothing = where.ljust(28, b"\\0"), bytes(16)
def says(done):
    return "done" if done >= 0 else errno.errorcode[ctypes.get_errno()]
def tell(name, call, *arguments):
    ctypes.set_errno(0)
    print(name, says(call(*arguments)), flush=True)
listening = socket.socket(fileno=LISTENING)
listening.setblocking(True)
come, _ = listening.accept()
come.setblocking(True)
come.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
come.sendall(b"served")
tell("no_address", libc.connect, come.fileno(), nothing, 16)
libc.connect(come.fileno(), nothing, 2)
for name, one in (("accepted", come.fileno()), ("listener", LISTENING)):
    if name == "listener":
        listening.shutdown(socket.SHUT_RDWR)
    tell(f"{name}.connect", libc.connect, one, where, 16)
    tell(f"{name}.longer", libc.connect, one, longer, 28)
    tell(f"{name}.bind", libc.bind, one, where, 16)
    tell(f"{name}.fast", libc.sendto, one, b"x", 1, 0x20000000, where, 16)
    head = (ctypes.c_char * 56)()
    tell(f"{name}.message", libc.sendmsg, one, head, 0x20000000)
    tell(f"{name}.messages", libc.sendmmsg, one, head, 1, 0x20000000)
    for level, option in ((0, 21), (0, 18), (1, 25), (1, 26), (1, 8), (1, 13), (6, 9), (6, 2),
            (41, 26)):
        what = ctypes.create_string_buffer(bytes([255, 0, 0, 0]))
        tell(f"{name}.{level}.{option}", libc.setsockopt, one, level, option, what, 4)
"""


@dataclass
class Asked:
    """A service of the host that nobody may reach, and how often somebody did."""

    port: int
    times: int = 0


@pytest.fixture
def neighbour() -> Iterator[Asked]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        asked = Asked(server.getsockname()[1])

        def count() -> None:
            while True:
                try:
                    server.accept()[0].close()
                except OSError:
                    return
                asked.times += 1

        threading.Thread(target=count, daemon=True).start()
        yield asked
        server.shutdown(socket.SHUT_RDWR)


def visited(cells: Maker, listening: socket.socket, code: str, *mounts: Mount) -> Outcome:
    """The cell's end, while somebody calls at its port."""

    def call() -> None:
        with (
            socket.create_connection(listening.getsockname(), PATIENCE_SECONDS) as client,
            suppress(ConnectionError),
        ):
            while client.recv(64):
                pass

    caller = threading.Thread(target=call, daemon=True)
    caller.start()
    fds = {LISTENING_FD: listening.fileno()}
    done = run(replace(cells.cell(code, *mounts), fds=fds, serves=True))
    caller.join(PATIENCE_SECONDS)
    return done


def test_the_served_socket_leads_nowhere(cells: Maker, neighbour: Asked) -> None:
    """Neither it nor what it accepted can be connected, bound elsewhere, or spoilt for the next."""
    code = TRIED.replace("PORT", str(neighbour.port)).replace("LISTENING", str(LISTENING_FD))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        done = visited(cells, listening, code)
        told = dict(line.split() for line in done.stdout.decode().splitlines())
        assert len(told) == 31, done
        assert set(told.values()) == {"EPERM"}, told
        assert neighbour.times == 0
        listening.listen()  # whoever serves next does, and is reached
        with socket.create_connection(listening.getsockname(), PATIENCE_SECONDS) as client:
            come, _ = listening.accept()
            with come:
                come.sendall(b"next")
            assert client.recv(64) == b"next"


def test_without_that_filter_it_would(cells: Maker, neighbour: Asked) -> None:
    """The same connection, of a cell that is not said to serve: the trick is real."""
    code = TRIED.partition("def tell")[0] + (
        "listening = socket.socket(fileno=3)\nlistening.shutdown(socket.SHUT_RDWR)\n"
        "print(says(libc.connect(3, where, 16)))\n"
    )
    with socket.create_server(("127.0.0.1", 0)) as listening:
        cell = cells.cell(code.replace("PORT", str(neighbour.port)))
        done = run(replace(cell, fds={LISTENING_FD: listening.fileno()}))
    assert done.stdout.decode().split() == ["done"], done


def test_it_serves_and_reaches_its_own_doors(cells: Maker) -> None:
    """What a server needs stays possible: its options, and a short path of a unix socket."""
    code = (
        "import socket\n"
        "listening = socket.socket(fileno=3); listening.setblocking(True)\n"
        "come, _ = listening.accept(); come.setblocking(True)\n"
        "come.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)\n"
        "come.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)\n"
        "door = socket.socket(socket.AF_UNIX); door.connect('/run/org/llm')\n"
        "come.sendall(door.recv(64)); come.close()\n"
        "one, other = socket.socketpair(); one.sendall(b'pair'); print(other.recv(4).decode())\n"
    )
    with (
        tempfile.TemporaryDirectory() as folder,
        socket.socket(socket.AF_UNIX) as door,
        socket.create_server(("127.0.0.1", 0)) as served,
    ):
        door.bind(f"{folder}/llm")
        door.listen()

        def greet() -> None:
            come, _ = door.accept()
            with come:
                come.sendall(b"from the door")

        threading.Thread(target=greet, daemon=True).start()
        done = visited(cells, served, code, Mount(Path(folder), Path("/run/org")))
    assert done.stdout.decode().strip() == "pair", done
