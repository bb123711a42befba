"""Cells hold: no network, nothing of ours, every limit kept, an end that is whole."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from ops.cell import DEFAULT, SYSTEM_MOUNTS, Cell, Limits, Mount, Outcome, python_mounts, run, start
from ops.errors import Refused

PYTHON = Path(sys.executable)
MOUNTS = (*SYSTEM_MOUNTS, *python_mounts(PYTHON))
END_SECONDS = 2.0


def limits(**changed: float | None) -> Limits:
    return Limits(**(vars(DEFAULT) | changed))  # type: ignore[arg-type]


def shell(text: str, **changed: float | None) -> Outcome:
    return run(Cell(argv=("sh", "-c", text), limits=limits(**changed)))


def python(code: str, *mounts: Mount, **extra: object) -> Outcome:
    argv = (str(PYTHON), "-I", "-c", code)
    return run(Cell(argv=argv, mounts=(*MOUNTS, *mounts), **extra))  # type: ignore[arg-type]


def test_a_command_gives_what_it_said_and_how_it_ended() -> None:
    """Both streams, the exit code, no limit."""
    done = shell("echo out; echo err >&2; exit 7")
    assert (done.exit, done.signal, done.limit) == (7, None, None)
    assert (done.stdout, done.stderr) == (b"out\n", b"err\n")


def test_the_environments_interpreter_runs_inside() -> None:
    """With its packages, although its base lies under another prefix."""
    done = python("import pydantic, sys; print(sys.prefix)")
    assert (done.exit, done.stdout.decode().strip()) == (0, sys.prefix), done.stderr


def test_there_is_no_network() -> None:
    """A port that listens outside is refused, the only interface is a loopback of its own."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        code = f"""
import socket
for family, where in ((socket.AF_INET, ("127.0.0.1", {port})), (socket.AF_INET, ("10.0.0.1", 80))):
    with socket.socket(family) as s:
        s.settimeout(1)
        print(s.connect_ex(where) != 0)
print(sorted(name for _, name in socket.if_nameindex()))
"""
        done = python(code)
    assert done.stdout.decode().split("\n")[:3] == ["True", "True", "['lo']"], done.stderr


def test_nothing_of_ours_is_seen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable, no process, no descriptor, no file that was not named."""
    monkeypatch.setenv("SECRET_KEY", "canary")
    (tmp_path / "canary").write_text("canary")
    code = f"""
import os
print("canary" in str(os.environ), os.path.exists({str(tmp_path)!r}))
print(sorted(int(p) for p in os.listdir("/proc") if p.isdigit()))
print(sorted(int(f) for f in os.listdir("/proc/self/fd"))[:3])
print(os.path.exists("/home") or os.path.exists("/var") or os.path.exists("/etc/shadow"))
"""
    said = python(code).stdout.decode().splitlines()
    assert said == ["False False", "[1]", "[0, 1, 2]", "False"]


def test_a_mount_is_read_only_unless_it_is_not(tmp_path: Path) -> None:
    """What the author may write is written outside too; all else refuses."""
    readable, writable = tmp_path / "r", tmp_path / "w"
    readable.mkdir()
    writable.mkdir()
    mounts = (
        *SYSTEM_MOUNTS,
        Mount(readable, Path("/r")),
        Mount(writable, Path("/w"), writable=True),
    )
    text = "touch /r/x; touch /x; touch /usr/x; touch /w/x && echo wrote; touch /tmp/x && echo tmp"
    done = run(Cell(argv=("sh", "-c", text), mounts=mounts))
    assert done.stdout == b"wrote\ntmp\n"
    assert (writable / "x").exists()
    assert not (readable / "x").exists()
    assert not Path("/tmp/x").exists() or Path("/tmp/x").stat().st_mtime < time.time() - 60


def survivors(mark: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if mark in process.cmdline():
                found.append(process)
    return found


def test_the_wall_limit_ends_it_whole() -> None:
    """Grandchildren in sessions of their own that ignore signals are gone within two seconds."""
    mark = f"31{os.getpid()}"
    text = (
        f"for i in 1 2 3; do setsid sh -c 'trap \"\" TERM HUP; sleep {mark}' & done; sleep {mark}"
    )
    done = shell(text, wall_seconds=0.5)
    assert done.limit == "wall"
    assert done.seconds < 0.5 + END_SECONDS
    assert survivors(mark) == []


def test_a_pipe_held_by_a_grandchild_is_not_waited_for() -> None:
    """The command is over when it is over, whoever holds its output."""
    mark = f"32{os.getpid()}"
    done = shell(f"sleep {mark} & echo over")
    assert (done.exit, done.stdout) == (0, b"over\n")
    assert done.seconds < END_SECONDS + 1
    assert survivors(mark) == []


def test_endless_output_is_cut() -> None:
    """The limit is told, and what was said before it is kept."""
    done = shell("yes", output_bytes=100_000)
    assert (done.limit, done.truncated, len(done.stdout)) == ("output", True, 100_000)


@pytest.mark.parametrize(
    ("code", "changed"),
    [
        ("[open('/dev/null') for _ in range(500)]", {"open_files": 64}),
        ("open('/tmp/f', 'wb').write(b'x' * 2**21)", {"file_bytes": 2**20}),
        ("bytearray(2**30)", {"memory_bytes": 2**29}),
    ],
)
def test_what_it_may_use_is_bounded(code: str, changed: dict[str, int]) -> None:
    """Descriptors, file size and memory end in an error inside, and only there."""
    done = python(code, limits=limits(**changed))
    assert done.exit != 0 or done.signal


def test_a_socket_handed_in_serves_from_inside() -> None:
    """The listening socket keeps its network; the cell around it has none."""
    code = """
import socket
listening = socket.socket(fileno=3)
connection, _ = listening.accept()
connection.sendall(b"from inside")
connection.close()
"""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        argv = (str(PYTHON), "-I", "-c", code)
        child = start(Cell(argv=argv, mounts=MOUNTS, fds={3: listening.fileno()}), None, None)
        with socket.create_connection(listening.getsockname(), timeout=10) as caller:
            assert caller.recv(100) == b"from inside"
        assert child.wait(10) == 0
        child.close()


def test_a_unix_socket_mounted_in_is_reached(tmp_path: Path) -> None:
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
        code = (
            "import socket; s = socket.socket(socket.AF_UNIX); s.connect('/run/s'); s.send(b'hi')"
        )
        done = python(code, Mount(tmp_path, Path("/run")))
        thread.join(10)
    assert (done.exit, answered) == (0, [b"hi"]), done.stderr


def test_a_signal_reaches_the_process_inside() -> None:
    """Its pid as the machine knows it is told, so that it can be asked to end well."""
    code = """
import signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(5))
print("ready", flush=True)
signal.pause()
"""
    told, tell = os.pipe()
    child = start(Cell(argv=(str(PYTHON), "-I", "-c", code), mounts=MOUNTS), tell, None)
    os.close(tell)
    assert os.read(told, 10) == b"ready\n"
    assert child.inner is not None
    os.kill(child.inner, signal.SIGTERM)
    assert child.wait(10) == 5
    child.close()
    os.close(told)


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
