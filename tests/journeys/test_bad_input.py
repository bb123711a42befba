"""Bad input of any kind: one sentence, one next step, the right exit code, and nothing changed."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.journeys import service
from tests.journeys.instance import Answered, Home, git, running
from tests.model_server import scripted_model

pytestmark = pytest.mark.journey

NOBODY = 65534
GOAL = ("--goal", "count words", "--protocol", "rewrite", "--module", "words.py")


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return service.make(tmp_path / "service")


def told(answered: Answered, code: int, *words: str) -> None:
    """Exactly two lines for a person: what is wrong, and what to do."""
    assert answered.code == code, answered
    lines = answered.told.strip().splitlines()
    assert len(lines) == 2, answered.told
    assert lines[0].startswith("orgctl: ")
    assert lines[1].startswith("  ")
    assert lines[1].strip()
    for word in words:
        assert word in answered.told
    assert "Traceback" not in answered.told


def test_what_cannot_be_evolved_is_refused(home: Home, repo: Path, tmp_path: Path) -> None:
    """No repo, a dirty one, a shallow one; the instance is not made."""
    home.write_settings()
    (tmp_path / "empty").mkdir()
    told(home.orgctl("init", "--repo", str(tmp_path / "empty")), 2, "not a git repository")
    told(home.orgctl("init", "--repo", str(tmp_path / "none")), 2, "not a git repository")
    (repo / "words.py").write_text("changed\n")
    told(home.orgctl("init", "--repo", str(repo)), 2, "words.py", "commit or stash")
    git(repo, "checkout", "-q", "words.py")
    git(repo, "commit", "-q", "--allow-empty", "-m", "second")
    shallow = tmp_path / "shallow"
    git(tmp_path, "clone", "-q", "--depth=1", f"file://{repo}", str(shallow))
    told(home.orgctl("init", "--repo", str(shallow)), 2, "shallow", "--unshallow")
    assert not (home.path / "state/instance.json").exists()
    assert home.orgctl("init", "--repo", str(repo)).code == 0
    told(home.orgctl("init", "--repo", str(repo)), 2, "already holds an instance")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[ports]\ncurrent = 'x'\n", "line 2: ports.current"),
        ("[ports\n", "line 1"),
        ("[model]\nnmae = 'x'\n", "line 2: model.nmae"),
    ],
)
def test_broken_settings_are_named_to_the_line(
    home: Home, repo: Path, text: str, said: str
) -> None:
    """At init, and at up of an instance that was fine before."""
    home.path.mkdir()
    (home.path / "org.toml").write_text(text)
    told(home.orgctl("init", "--repo", str(repo)), 2, "org.toml", said)
    home.write_settings()
    assert home.orgctl("init", "--repo", str(repo)).code == 0
    (home.path / "org.toml").write_text(text)
    told(home.orgctl("up"), 2, "org.toml", said)


def test_a_taken_port_names_who_has_it(home: Home, repo: Path) -> None:
    home.write_settings()
    home.ask("init", "--repo", str(repo))
    with socket.create_server(("127.0.0.1", home.current)):
        told(home.orgctl("up"), 2, f"port {home.current} is taken by", f"pid {os.getpid()}")
    assert home.processes() == []


def test_two_starts_at_once_start_one(home: Home, repo: Path) -> None:
    """Both end well, one supervisor runs."""
    home.write_settings()
    home.ask("init", "--repo", str(repo))
    try:
        with ThreadPoolExecutor(2) as pool:
            both = list(pool.map(lambda _: home.orgctl("up", "--json"), range(2)))
        assert [answered.code for answered in both] == [0, 0], both
        pids = {answered.json["supervisor"]["pid"] for answered in both}
        assert len(pids) == 1
    finally:
        home.orgctl("down", "--yes")


def test_a_running_instance_refuses_nonsense_and_stays(home: Home, repo: Path) -> None:
    """Unknown things, impossible goals, a dead endpoint, a second operation."""
    with running(home, repo):
        before = home.ask("status")["main"]
        told(home.orgctl("show", "20200101T000000Z"), 4, "no candidate")
        told(home.orgctl("diff", "nothing"), 4, "no candidate")
        told(home.orgctl("promote", "nothing", "--yes"), 4, "no candidate")
        told(home.orgctl("promote", "--yes"), 4, "no candidate waits")
        told(home.orgctl("rollback", "--yes"), 2, "nothing was promoted yet")
        told(home.orgctl("rollback", "--to", "release/9", "--yes"), 4, "no release")
        told(home.orgctl("rollback"), 2, "--yes")
        told(home.orgctl("fitness", "no/such"), 4, "no such commit")
        told(home.orgctl("goal", "add", ""), 2, "empty")
        told(home.orgctl("goal", "add", "x" * 100_000), 2, "100000 characters")
        told(home.orgctl("goal", "show", "g9"), 4, "no goal")
        told(home.orgctl("logs", "nothing"), 4, "no log")
        told(home.orgctl("evolve", "--wait"), 2, "no open goal")
        told(home.orgctl("evolve", "--wait", "--goal", "x", "--protocol", "y"), 2, "protocol")
        told(home.orgctl("frobnicate"), 2, "frobnicate")
        told(home.orgctl("show"), 2, "candidate")
        dead = home.orgctl("evolve", "--wait", "--json", *GOAL)
        assert dead.code == 1
        assert dead.json["outcome"] == "abandoned"
        assert "no model answers at http://127.0.0.1:9" in dead.json["reason"]
        assert home.ask("status")["main"] == before
        home.agrees()


def test_a_model_that_is_slow_or_talks_rubbish_ends_the_cycle(home: Home, repo: Path) -> None:
    """Abandoned with the reason; nothing is promoted, and org goes on."""
    with scripted_model([b"data: {broken\n\n"] * 9) as model:
        base = f"http://127.0.0.1:{model.server_address[1]}"
        with running(home, repo, f'[model]\nbase = "{base}"\nidle_seconds = 1.0\n'):
            found = home.orgctl("evolve", "--wait", "--json", *GOAL).json
            assert (found["outcome"], "JSON" in found["reason"]) == ("abandoned", True), found
            home.agrees()


def test_a_second_operation_is_told_who_is_first(home: Home, repo: Path) -> None:
    """Exit 3, with what is under way; the first one goes on."""
    release = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as slow:
        base = f"http://127.0.0.1:{slow.getsockname()[1]}"
        models = b'{"object": "list", "data": [{"id": "slow"}]}'
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: "

        def serve() -> None:
            """Answers who asks for models, and leaves who asks for words waiting."""
            connection, _ = slow.accept()
            connection.recv(65536)
            connection.sendall(head + str(len(models)).encode() + b"\r\n\r\n" + models)
            release.wait(60)
            connection.close()

        thread = threading.Thread(target=serve)
        thread.start()
        with running(home, repo, f'[model]\nbase = "{base}"\nidle_seconds = 30.0\n'):
            begun = home.ask("evolve", *GOAL)
            assert begun["outcome"] == "open"
            told(home.orgctl("evolve", "--wait", *GOAL), 3, "busy: evolving: count words since")
            told(home.orgctl("fitness"), 3, "busy")
            assert home.ask("status")["cycle"]["candidate"] == begun["candidate"]
            release.set()
        thread.join()


def test_too_little_disk_refuses_before_anything_is_written(home: Home, repo: Path) -> None:
    with running(home, repo, f"[policy]\ndisk_free_bytes = {2**60}\n".replace(str(2**60), "1")):
        pass
    home.write_settings(f"[policy]\ndisk_free_bytes = {2**60}\n")
    home.ask("up")
    try:
        told(home.orgctl("evolve", "--wait", *GOAL), 2, "MiB are free", "disk_free_bytes")
        assert home.ask("candidates")["candidates"] == []
    finally:
        home.orgctl("down", "--yes")


def test_a_home_of_a_newer_org_is_left_alone(home: Home, repo: Path) -> None:
    home.write_settings()
    home.ask("init", "--repo", str(repo))
    path = home.path / "state/instance.json"
    record = json.loads(path.read_text()) | {"schema_number": 99}
    path.write_text(json.dumps(record))
    told(home.orgctl("up"), 2, "newer org", "schema 99")


def test_a_home_that_cannot_be_written_is_told(home: Home, repo: Path) -> None:
    """As an ordinary user, where root is not there to write everywhere."""
    home.path.mkdir(mode=0o755)
    home.path.chmod(0o555)
    if os.geteuid() != 0:
        told(home.orgctl("init", "--repo", str(repo)), 2, "cannot be written")
        return
    (home.path.parent / "file").write_text("")
    blocked = Home(home.path.parent / "file" / "home")
    blocked.path = home.path.parent / "file" / "home"
    answered = home.orgctl("init", "--repo", str(repo), "--home", str(blocked.path))
    told(answered, 2, "cannot be written")


def test_without_tmux_or_bubblewrap_the_remedy_is_told(
    home: Home, repo: Path, tmp_path: Path
) -> None:
    """A PATH with everything but the one thing."""
    home.write_settings()
    home.ask("init", "--repo", str(repo))
    for missing in ("tmux", "bwrap"):
        folder = tmp_path / missing
        folder.mkdir()
        for place in os.environ["PATH"].split(":"):
            for program in Path(place).glob("*") if Path(place).is_dir() else ():
                link = folder / program.name
                if program.name != missing and not link.exists():
                    link.symlink_to(program)
        home.environment = {"PATH": str(folder)}
        verb = "attach" if missing == "tmux" else "up"
        package = {"bwrap": "bubblewrap"}.get(missing, missing)
        told(home.orgctl(verb), 2, f"apt-get install {package}")
        doctor = home.orgctl("doctor", "--json")
        assert doctor.code == 1
        bad = [one for one in doctor.json["checks"] if not one["ok"] and one["needed"]]
        assert [package in one["remedy"] for one in bad] == [True]
    home.environment = {}
    assert home.ask("doctor")["ok"] is True
    assert shutil.which("tmux")


def test_nobody_else_may_steer(home: Home, repo: Path) -> None:
    """The control socket is for its owner; another user is refused by the file system."""
    with running(home, repo):
        if os.geteuid() != 0:
            pytest.fail("this test needs root to become another user")
        path = str(home.path / "run/control.sock")
        code = f"import socket as k; k.socket(k.AF_UNIX).connect({path!r})"
        as_nobody = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
        done = subprocess.run(
            [*as_nobody, "python3", "-c", code], capture_output=True, text=True, check=False
        )
        assert "Permission" in done.stderr
