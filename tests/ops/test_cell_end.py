"""A cell ends whole, and takes what it is handed, whoever makes it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

from ops.cell import Mount
from tests.ops.cells import (
    END_SECONDS,
    ROOT,
    Maker,
    until,
)


def survivors(mark: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if mark in process.cmdline():
                found.append(process)
    return found


STUBBORN = {
    "sessions of their own that ignore signals": (
        "for i in 1 2 3; do setsid sh -c 'trap \"\" TERM HUP INT; sleep {m}' & done; sleep {m}"
    ),
    "forks twice and lets go": "(setsid sh -c '(sleep {m} &) ; sleep {m}' &); sleep {m}",
    "stops itself": "sh -c 'kill -STOP $$; sleep {m}' & sleep {m}",
    "a hundred children": "for i in $(seq 100); do sleep {m} & done; sleep {m}",
    "children that fork in a loop": (
        "f() { while :; do sleep {m} & sleep 0.01; done; }; f & f & f & sleep {m}"
    ),
}


@pytest.mark.parametrize("name", STUBBORN)
def test_the_wall_limit_ends_it_whole(cells: Maker, name: str) -> None:
    """Whatever the inside does, two seconds later nothing of it is there."""
    mark = f"31{os.getpid()}{list(STUBBORN).index(name)}"
    done = cells.shell(STUBBORN[name].replace("{m}", mark), wall_seconds=0.5 + cells.slack_seconds)
    assert done.limit == "wall", done
    assert done.seconds < 0.5 + cells.slack_seconds + END_SECONDS
    assert survivors(mark) == []


def test_a_pipe_held_by_a_grandchild_is_not_waited_for(cells: Maker) -> None:
    """The command is over when it is over, whoever holds its output."""
    mark = f"32{os.getpid()}"
    done = cells.shell(f"sleep {mark} & echo over")
    assert (done.exit, done.stdout) == (0, b"over\n")
    assert done.seconds < END_SECONDS + 1 + cells.slack_seconds
    assert survivors(mark) == []


def test_a_cell_ends_with_the_one_who_made_it(cells: Maker) -> None:
    """A daemon that is killed leaves nothing running behind its back."""
    mark = f"33{os.getpid()}"
    argv = ("sh", "-c", f"setsid sleep {mark} & sleep {mark}")
    code = f"import time; from ops.cell import *; start(Cell({argv!r}, "
    code += f"backend={cells.backend!r}), None, None); print('up', flush=True); time.sleep(60)"
    maker = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, env=dict(os.environ)
    )
    assert maker.stdout is not None
    with maker, maker.stdout as told:
        assert told.readline() == b"up\n"
        until(lambda: len(survivors(mark)) >= 2)
        maker.kill()
    until(lambda: survivors(mark) == [])


# What is handed in


def test_a_socket_handed_in_serves_from_inside(cells: Maker) -> None:
    """The listening socket keeps its network; the cell around it has none."""
    code = """
import socket
listening = socket.socket(fileno=3)
connection, _ = listening.accept()
connection.sendall(b"from inside")
connection.close()
"""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        child = cells.start(cells.cell(code), fd3=listening.fileno())
        try:
            with socket.create_connection(listening.getsockname(), timeout=10) as caller:
                assert caller.recv(100) == b"from inside"
            assert child.wait(10) == 0
        finally:
            child.kill()
            child.close()


def test_a_unix_socket_mounted_in_is_reached(cells: Maker, tmp_path: Path) -> None:
    """The one way out that a cell gets."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "s"))
        listening.listen()
        answered: list[bytes] = []

        def answer() -> None:
            connection, _ = listening.accept()
            answered.append(connection.recv(10))
            connection.close()

        thread = threading.Thread(target=answer)
        thread.start()
        code = "import socket; s = socket.socket(socket.AF_UNIX); "
        code += "s.connect('/run/org/s'); s.send(b'hi')"
        done = cells.python(code, Mount(tmp_path, Path("/run/org")))
        thread.join(10)
    assert (done.exit, answered) == (0, [b"hi"]), done.stderr


def test_a_signal_reaches_the_process_inside(cells: Maker) -> None:
    """Its pid as the machine knows it is told, so that it can be asked to end well."""
    code = """
import os, signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(5))
os.write(5, b"ready")
signal.pause()
"""
    told, tell = os.pipe()
    child = cells.start(cells.cell(code), fd5=tell)
    os.close(tell)
    try:
        assert os.read(told, 10) == b"ready"
        assert child.inner is not None
        os.kill(child.inner, signal.SIGTERM)
        assert child.wait(10) == 5
    finally:
        child.kill()
        child.close()
        os.close(told)
