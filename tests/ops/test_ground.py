"""Leases, files, sockets, processes, boot: small verbs that everything stands on."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ops.errors import Exit, Failed, Refused
from ops.files import remove_tree, write_atomic
from ops.lease import hold, holder
from ops.processes import port_holder, spawn
from ops.run import run
from ops.sockets import bind_unix, connect_unix, listen_tcp

ROOT = Path(__file__).resolve().parents[2]
BOOT = ROOT / "ops/boot.py"


# Leases


def test_the_second_holder_is_told_who_and_why(tmp_path: Path) -> None:
    """Busy is exit 3, with the reason of the one who was first."""
    path = tmp_path / "lease"
    with hold(path, "judging"):
        assert (holder(path) or {})["why"] == "judging"
        with pytest.raises(Refused, match="busy: judging since") as caught, hold(path, "again"):
            pass
        assert caught.value.code is Exit.BUSY
    assert holder(path) is None
    with hold(path, "again"):
        pass


def test_a_killed_holder_holds_nothing(tmp_path: Path) -> None:
    """The kernel drops the lease; no stale file can block anybody."""
    code = f"""
import os, sys
sys.path.insert(0, {str(ROOT)!r})
from pathlib import Path
from ops.lease import hold
with hold(Path({str(tmp_path / "lease")!r}), "dying"):
    os.kill(os.getpid(), 9)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    with hold(tmp_path / "lease", "next"):
        pass


def test_a_lease_that_is_a_link_is_refused(tmp_path: Path) -> None:
    """A planted link must not make us write elsewhere."""
    (tmp_path / "lease").symlink_to(tmp_path / "victim")
    with pytest.raises(Refused, match="link"), hold(tmp_path / "lease", "x"):
        pass
    assert not (tmp_path / "victim").exists()


# Files


def test_a_file_is_replaced_whole_or_not(tmp_path: Path) -> None:
    """A failed write leaves the old bytes and no litter."""
    path = tmp_path / "f"
    write_atomic(path, b"old", 0o600)
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(TypeError):
        write_atomic(path, "no bytes")  # type: ignore[arg-type]
    assert path.read_bytes() == b"old"
    assert [one.name for one in tmp_path.iterdir()] == ["f"]


def test_a_read_only_tree_is_removed(tmp_path: Path) -> None:
    (tmp_path / "t/inner").mkdir(parents=True)
    (tmp_path / "t/inner/f").write_text("x")
    (tmp_path / "t/inner").chmod(0o500)
    remove_tree(tmp_path / "t")
    remove_tree(tmp_path / "t")
    assert not (tmp_path / "t").exists()


def test_a_tree_deeper_than_python_goes_is_removed_too(tmp_path: Path) -> None:
    """An author may make one, with folders that are read-only."""
    with contextlib.chdir(tmp_path):
        for _ in range(1_500):
            Path("d").mkdir()
            os.chdir("d")
        Path().chmod(0o500)
    remove_tree(tmp_path / "d")
    assert list(tmp_path.iterdir()) == []


# Sockets


def test_a_long_path_is_no_hindrance(tmp_path: Path) -> None:
    """Longer than the kernel's 107 bytes, bound and connected all the same."""
    folder = tmp_path / ("long" * 20) / ("longer" * 15)
    folder.mkdir(parents=True)
    with bind_unix(folder / "s") as bound:
        bound.listen()
        assert (folder / "s").stat().st_mode & 0o777 == 0o600
        with connect_unix(folder / "s", 2.0):
            pass
        with pytest.raises(Failed, match="somebody answers"):
            bind_unix(folder / "s")
    with pytest.raises(Refused) as caught:
        connect_unix(folder / "s", 1.0)
    assert caught.value.code is Exit.DOWN
    bind_unix(folder / "s").close()  # the dead socket is replaced


def test_what_is_no_socket_is_not_replaced(tmp_path: Path) -> None:
    """A file or a link planted under the name is refused and kept."""
    (tmp_path / "s").write_text("mine")
    with pytest.raises(Refused, match="in the way"):
        bind_unix(tmp_path / "s")
    assert (tmp_path / "s").read_text() == "mine"


def test_a_taken_port_names_its_holder() -> None:
    """By program and pid, so that a person can act."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Refused, match=f"port {port} is taken by .*pid {os.getpid()}"):
            listen_tcp("127.0.0.1", port, 1)
    assert port_holder(port) is None


# Processes


def test_descriptors_arrive_where_they_were_promised() -> None:
    """Also when the source's number is another's target."""
    first, second = os.memfd_create("first"), os.memfd_create("second")
    os.write(first, b"first")
    os.write(second, b"second")
    told, tell = os.pipe()
    code = "import os; print(os.pread(3, 9, 0), os.pread(4, 9, 0), flush=True)"
    child = spawn(
        [sys.executable, "-c", code], environment={}, fds={3: second, 4: first}, output=tell
    )
    os.close(tell)
    assert child.wait(10) == 0
    assert os.read(told, 100) == b"b'second' b'first'\n"
    child.close()
    for descriptor in (first, second, told):
        os.close(descriptor)


def test_nothing_else_is_inherited(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not our environment, not our open files, not our terminal's input."""
    monkeypatch.setenv("SECRET", "canary")
    told, tell = os.pipe()
    code = (
        "import os, sys; print('SECRET' in os.environ, sys.stdin.read() == '',"
        " sorted(map(int, os.listdir('/proc/self/fd')))[:3], os.getsid(0) == os.getpid())"
    )
    child = spawn([sys.executable, "-c", code], environment={"A": "1"}, output=tell)
    os.close(tell)
    assert child.wait(10) == 0
    assert os.read(told, 200) == b"False True [0, 1, 2] True\n"
    os.close(told)
    child.close()


def test_a_child_is_ended_with_all_it_started() -> None:
    """Children in sessions of their own too, within the limit."""
    text = "setsid sleep 3377 & sleep 3377"
    child = spawn(["sh", "-c", text], environment={"PATH": os.environ["PATH"]})
    deadline = time.monotonic() + 5
    count = ["pgrep", "-cf", "sleep 3377"]
    while run(count, seconds=5).stdout.strip() < b"3" and time.monotonic() < deadline:
        pass
    child.kill()
    assert child.poll() == -signal.SIGKILL
    assert run(["pgrep", "-f", "^sleep 3377"], seconds=5).code == 1
    child.close()


def test_a_missing_program_is_refused() -> None:
    with pytest.raises(Refused, match="not installed"):
        spawn(["no-such-program"], environment={"PATH": "/usr/bin"})


# Boot


def boot(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-I", str(BOOT), *arguments],
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], **environment},
        check=False,
        cwd="/",
    )


def test_the_environment_cannot_choose_the_code(tmp_path: Path) -> None:
    """A planted module on PYTHONPATH or in the working directory is never found."""
    (tmp_path / "ops").mkdir()
    (tmp_path / "ops/__init__.py").write_text("raise SystemExit('planted')")
    done = boot("ops.orgctl", "--help", PYTHONPATH=str(tmp_path), PYTHONSTARTUP=str(tmp_path))
    assert done.returncode == 0
    assert "planted" not in done.stdout + done.stderr


def test_trouble_is_one_sentence_and_a_next_step(tmp_path: Path) -> None:
    """With the exit code of its kind, and never a traceback."""
    done = boot("ops.orgctl", "--home", str(tmp_path / "none"), "up")
    assert done.returncode == Exit.ABSENT
    assert done.stderr.splitlines() == [
        f"orgctl: no instance at {tmp_path}/none",
        "  make one with: orgctl init",
    ]


def test_with_json_trouble_is_an_object(tmp_path: Path) -> None:
    """Wherever --json stands."""
    for words in (["--json", "up"], ["up", "--json"]):
        done = boot("ops.orgctl", "--home", str(tmp_path / "none"), *words)
        assert set(json.loads(done.stdout)) == {"error", "hint"}
        assert done.stderr == ""
