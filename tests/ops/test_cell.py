"""Cells hold, whoever makes them: one suite for every backend that has walls."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from ops.cell import Cell, Mount, run
from ops.errors import Refused
from tests.ops.cells import (
    MIB,
    ROOT,
    Maker,
)

# Beginning and end


def test_a_command_gives_what_it_said_and_how_it_ended(cells: Maker) -> None:
    """Both streams, the exit code, no limit."""
    done = cells.shell("echo out; echo err >&2; exit 7")
    assert (done.exit, done.signal, done.limit) == (7, None, None)
    assert (done.stdout, done.stderr) == (b"out\n", b"err\n")


def test_a_signal_is_told_as_one(cells: Maker) -> None:
    """A crash is no exit code."""
    done = cells.python("import ctypes; ctypes.string_at(0)")
    assert (done.exit, done.signal, done.limit) == (None, signal.SIGSEGV, None)


def test_what_it_used_is_told(cells: Maker) -> None:
    """Processor time and memory, of children as well."""
    code = "import subprocess, sys, time; x = bytearray(64 * 2**20)\n"
    code += "subprocess.run([sys.executable, '-Ic', 'i = 0\\nwhile i < 5_000_000: i += 1'])\n"
    code += "time.sleep(0.2)"
    use = cells.python(code).use
    assert use.cpu_seconds is not None and use.cpu_seconds > 0.1
    assert use.memory_bytes is not None and use.memory_bytes > 64 * MIB


def test_the_environments_interpreter_runs_inside(cells: Maker) -> None:
    """With its packages, although its base lies under another prefix."""
    done = cells.python("import pydantic, sys; print(sys.prefix)")
    assert (done.exit, done.stdout.decode().strip()) == (0, sys.prefix), done.stderr


# Walls


def test_there_is_no_network(cells: Maker) -> None:
    """A port that listens outside is refused, the only interface is a loopback of its own."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        code = f"""
import socket
for family, where in ((socket.AF_INET, ("127.0.0.1", {port})), (socket.AF_INET, ("10.0.0.1", 80)),
        (socket.AF_INET6, ("::1", {port})), (socket.AF_INET, ("169.254.169.254", 80))):
    with socket.socket(family) as s:
        s.settimeout(1)
        print(s.connect_ex(where) != 0)
print(sorted(name for _, name in socket.if_nameindex()))
"""
        done = cells.python(code)
    assert done.stdout.decode().split("\n")[:5] == [*["True"] * 4, "['lo']"], done.stderr


def test_its_namespaces_are_its_own(cells: Maker) -> None:
    """Processes, messages, mounts, network and host name; of users only bubblewrap makes one."""
    kinds = ["pid", "ipc", "mnt", "net", "uts"]
    kinds += ["user"] if cells.backend == "bubblewrap" else []
    code = f"import os; print(*(os.readlink('/proc/self/ns/' + kind) for kind in {kinds}))"
    inside = cells.python(code).stdout.decode().split()
    outside = [str(Path(f"/proc/self/ns/{kind}").readlink()) for kind in kinds]
    assert len(inside) == len(outside)
    assert not set(inside) & set(outside)


def test_there_are_no_powers(cells: Maker) -> None:
    """No capability, no way to new ones, a filter in front of the kernel."""
    status = cells.shell("cat /proc/self/status").stdout.decode().splitlines()
    told = dict(line.split(":\t", 1) for line in status if ":\t" in line)
    assert int(told["CapEff"], 16) == int(told["CapBnd"], 16) & int(told["CapEff"], 16) == 0
    assert (told["NoNewPrivs"], told["Seccomp"]) == ("1", "2")


ASKED_OF_THE_KERNEL = """
import ctypes, socket
libc = ctypes.CDLL(None, use_errno=True)
def refused(number, *arguments):
    ctypes.set_errno(0)
    return libc.syscall(number, *arguments) == -1 and ctypes.get_errno() in (1, 38)
def no_family(family, kind):
    try:
        socket.socket(family, kind).close()
    except PermissionError:
        return True
    return False
import platform
x86 = platform.machine() == "x86_64"
def call(intel, arm):
    return intel if x86 else arm
print(refused(425, 8, None))                         # io_uring_setup
print(refused(call(248, 217), b"user", b"k", b"v", 1, -2))   # add_key
print(refused(call(272, 97), 0x10000000))            # unshare of users
print(refused(call(56, 220), 0x10000000 | 17, 0, 0, 0, 0))   # clone into new users
print(refused(435, None, 0))                         # clone3
print(refused(call(165, 40), b"x", b"/tmp", b"tmpfs", 0, None))  # mount
print(refused(call(321, 280), 0, None, 0))           # bpf
print(refused(call(323, 282), 0))                    # userfaultfd
print(refused(call(298, 241), None, 0, -1, -1, 0))   # perf_event_open
print(no_family(40, 1), no_family(38, 5), no_family(17, 3))  # vsock, kernel crypto, raw
print(libc.ioctl(0, 0x5412, b"x") == -1 and ctypes.get_errno() == 1)  # typing on a terminal
"""


def test_the_kernel_refuses_what_leads_out(cells: Maker) -> None:
    """Each by its number, whatever a library would have tried first."""
    done = cells.python(ASKED_OF_THE_KERNEL)
    assert done.stdout.decode().split() == ["True"] * 13, done


def test_nothing_of_ours_is_seen(
    cells: Maker, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """No variable, no process, no descriptor, no file that was not named."""
    monkeypatch.setenv("SECRET_KEY", "canary")
    (tmp_path / "canary").write_text("canary")
    code = f"""
import os
print("canary" in str(os.environ), os.path.exists({str(tmp_path)!r}))
print(sorted(int(p) for p in os.listdir("/proc") if p.isdigit()))
print([n for n in (0, 1, 2, 3, 4, 5, 90, 91, 92) if os.path.exists(f"/proc/self/fd/{{n}}")])
print([p for p in ("/home/.ssh", "/var/lib", "/etc/shadow", "/sys/fs") if os.path.exists(p)])
"""
    said = cells.python(code).stdout.decode().splitlines()
    assert said == ["False False", "[1]", "[0, 1, 2]", "[]"]


def test_the_environment_is_what_was_named(cells: Maker) -> None:
    """What makes the cell adds at most its host's name and where the command starts."""
    plain = {"PATH", "HOME", "LANG", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED", "GIVEN"}
    cell = Cell(("env", "-0"), environment={"GIVEN": "a b\nc"}, backend=cells.backend)
    rows = dict(row.split("=", 1) for row in run(cell).stdout.decode().split("\0") if row)
    assert plain <= set(rows) <= plain | {"HOSTNAME", "PWD"}
    assert (rows["GIVEN"], rows.get("HOSTNAME", "cell")) == ("a b\nc", "cell")


def test_a_mount_is_read_only_unless_it_is_not(cells: Maker, tmp_path: Path) -> None:
    """What the author may write is written outside too; all else refuses."""
    readable, writable = tmp_path / "r", tmp_path / "w"
    readable.mkdir()
    writable.mkdir()
    mounts = (Mount(readable, Path("/r")), Mount(writable, Path("/w"), writable=True))
    places = "/r/x /x /usr/x /etc/x /dev/x /w/x /tmp/x"
    done = cells.shell(f"for p in {places}; do touch $p && echo $p; done", *mounts)
    allowed = b"/w/x\n/tmp/x\n" if cells.backend == "bubblewrap" else b"/dev/x\n/w/x\n/tmp/x\n"
    assert done.stdout == allowed  # docker keeps 64 MiB of its own there
    assert (writable / "x").exists()
    assert not (readable / "x").exists()


def test_its_tmp_is_its_own_and_bounded(cells: Maker) -> None:
    """Nothing is left of it, and it is full before the machine is."""
    mark = f"cell-{os.getpid()}"
    done = cells.shell(
        f"touch /tmp/{mark}; for i in 1 2 3; do head -c 8M /dev/zero >/tmp/$i || echo full; done",
        file_bytes=16 * MIB,
    )
    assert done.stdout == b"full\n", done
    assert not Path("/tmp", mark).exists()
    assert cells.shell("ls /tmp").stdout == b""


# Where walls are missing


def test_a_backend_that_is_not_there_is_refused() -> None:
    """Fail closed: no cell, no run."""
    with pytest.raises(Refused, match="not known"):
        run(Cell(argv=("true",), backend="paper"))


def test_without_bubblewrap_nothing_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The refusal names what to install."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Refused, match="bubblewrap") as caught:
        run(Cell(argv=("true",)))
    assert "apt-get install bubblewrap" in caught.value.hint


def test_without_an_engine_nothing_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The refusal names where it was looked for, and what to do."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    with pytest.raises(Refused, match=r"none\.sock") as caught:
        run(Cell(argv=("true",), backend="docker"))
    assert "dockerd" in caught.value.hint


WITHOUT_GROUPS = """
import json
from ops.cell import *
from ops.cgroup_ground import ground
def told(text, **changed):
    done = run(Cell(("sh", "-c", text), limits=Limits(**(vars(DEFAULT) | changed))))
    return [done.limit, (done.use.cpu_seconds or 0) > 0, done.seconds < 8]
print(json.dumps([
    ground() is None,
    told("while :; do :; done", cpu_seconds=1, wall_seconds=20.0),
    told("setsid sleep 77 & sleep 77", wall_seconds=0.5),
]))
"""


def test_without_control_groups_the_other_walls_stand() -> None:
    """Each process has its limits, and the end is as whole: the machine's groups are hidden."""
    argv = [sys.executable, "-c", WITHOUT_GROUPS]
    if os.geteuid() == 0:
        hide = 'umount -l /sys/fs/cgroup 2>/dev/null; exec "$@"'
        argv = ["unshare", "--mount", "sh", "-c", hide, "sh", *argv]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [True, ["cpu", True, True], ["wall", True, True]]
