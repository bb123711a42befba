"""What a cell said to its log stands, whoever makes it: it can only say more."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from ops.cell import Cell, start
from ops.errors import Failed
from tests.ops.cells import MIB, ROOT, Maker, until

SPOILS = """
import fcntl, os
print("said before", flush=True)
def tried(attempt):
    try:
        attempt()
    except OSError:
        pass
def again(flags):
    here = os.open("/proc/self/fd/1", flags)
    os.pwrite(here, b"never", 0)
tried(lambda: os.ftruncate(1, 0))
tried(lambda: os.fchmod(1, 0o777))
tried(lambda: fcntl.fcntl(1, fcntl.F_SETFL, 0))
tried(lambda: os.pwrite(1, b"never", 0))
tried(lambda: os.lseek(1, 0, 0))
tried(lambda: again(os.O_WRONLY | os.O_TRUNC))
tried(lambda: again(os.O_RDWR))
tried(lambda: os.truncate("/proc/self/fd/2", 0))
print("said after", flush=True)
"""


def logged(cells: Maker, log: Path, code: str, **changed: float | None) -> bytes:
    """What stands in the log once such a cell has ended by itself."""
    opened = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    child = start(cells.cell(code, **changed), opened, opened)
    os.close(opened)
    try:
        assert child.wait(10) == 0
    finally:
        child.kill()
        child.close()
    return log.read_bytes()


def test_a_log_cannot_be_unsaid(cells: Maker, tmp_path: Path) -> None:
    """Whatever is done to the descriptor: what was said stands, and more is only added."""
    log = tmp_path / "log"
    log.write_text("of an earlier one\n")
    log.chmod(0o600)
    told = logged(cells, log, SPOILS)
    assert told == b"of an earlier one\nsaid before\nsaid after\n"
    assert log.stat().st_mode & 0o777 == 0o600


def test_a_full_log_ends_there_and_its_cell_goes_on(cells: Maker, tmp_path: Path) -> None:
    """It takes no more than a file may hold, and who talks on is not held up."""
    code = "import os\nfor _ in range(64): os.write(1, b'x' * 2**16)"
    assert len(logged(cells, tmp_path / "log", code, file_bytes=MIB)) == MIB


UNHEARD = """
import os, sys
from ops.cell import *
os.dup2(os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT), 2)
code = "import os; os.write(2, b'said'); os.ftruncate(2, 0)"
cell = Cell(("python3", "-c", code), backend=sys.argv[2])
child = start(cell, None, None)
child.wait(10)
child.kill()
"""


def test_our_own_log_is_not_handed_in_either(cells: Maker, tmp_path: Path) -> None:
    """Where no file is named, what is said goes to ours, by the same way."""
    argv = [sys.executable, "-c", UNHEARD, str(tmp_path / "log"), cells.backend]
    subprocess.run(argv, cwd=ROOT, check=True)
    assert (tmp_path / "log").read_text().startswith("said")


def test_a_cell_is_heard_when_its_maker_is_gone(cells: Maker, tmp_path: Path) -> None:
    """One that outlives who started it says on what it has to say."""
    argv = ("sh", "-c", "read line <&5; echo said late")
    code = "import os, sys; from ops.cell import *; from ops.cell_order import *\n"
    code += f"log = os.open({str(tmp_path / 'log')!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT)\n"
    code += f"start(Cell({argv!r}, fds={{5: int(sys.argv[1])}}, backend={cells.backend!r}, "
    code += "bound=False), log, log); os._exit(0)"
    come, tell = os.pipe()
    maker = [sys.executable, "-c", code, str(come)]
    subprocess.run(maker, cwd=ROOT, check=True, pass_fds=[come])
    os.close(come)
    os.write(tell, b"go on\n")
    os.close(tell)
    until(lambda: (tmp_path / "log").read_bytes() == b"said late\n")


def test_of_a_cell_that_was_not_made_no_writer_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its log is let go of, and nobody has to reap it later."""
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")  # passes for there, and answers nothing
    before = psutil.Process().children()
    with (tmp_path / "log").open("ab") as log, pytest.raises(Failed):
        start(Cell(("true",), backend="docker"), log.fileno(), log.fileno())
    assert psutil.Process().children() == before
