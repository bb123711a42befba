"""A world that says no: each time org serves on where it can, and says what is wrong."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from ops.errors import Trouble
from tests.crash.arming import FILLER, fill
from tests.crash.instance import Target, target
from tests.journeys.instance import Home

pytestmark = pytest.mark.crash

DISK_MB = 24
BACK_SECONDS_MAX = 60.0
LOOK_SECONDS = 0.1
WRITES = ("author.", "file.", "git.", "journal.", "release.")  # the points of what is on disk
COMMIT = re.compile(r"[0-9a-f]{12}")  # in the name of a point that does not come again


def supervisor(under: Target) -> psutil.Process:
    return psutil.Process(under.settled()["supervisor"]["pid"])


def notices(under: Target) -> str:
    """All that was told without being asked."""
    events = under.ask("events")["events"]
    return "\n".join(event["text"] for event in events if event["kind"] == "notice")


def restarted(under: Target, former: int) -> dict[str, object]:
    """The status of the supervisor that came after `former`."""
    began = time.monotonic()
    while (status := under.settled())["supervisor"]["pid"] == former:
        assert time.monotonic() - began < BACK_SECONDS_MAX
        time.sleep(LOOK_SECONDS)
    return status


@pytest.fixture
def small_disk() -> Iterator[Home]:
    """A home on a disk of its own with hardly any room."""
    directory = Path(tempfile.mkdtemp(prefix="org-home-"))
    argv = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(directory)]
    subprocess.run(argv, check=True)
    try:
        yield Home(directory / "home")
    finally:
        subprocess.run(["umount", "--lazy", str(directory)], check=True)
        directory.rmdir()


def test_a_full_disk_stops_evolution_and_not_service(small_disk: Home, tmp_path: Path) -> None:
    """Refused with the remedy while it is full; afterwards all is as before and works again."""
    floor = "[policy]\ndisk_free_bytes = 1000000\n"
    with target(small_disk, tmp_path / "repo", extra=floor) as under:
        assert under.evolve()["outcome"] == "promoted"
        fill(small_disk.path)
        served = small_disk.get("/").json()["commit"]
        with pytest.raises(Trouble, match=r"MiB are free|disk") as refused:
            under.evolve()
        assert "free some space" in refused.value.hint
        assert small_disk.get("/").json()["commit"] == served
        (small_disk.path / FILLER).unlink()
        assert under.evolve()["outcome"] == "promoted"
        under.check()


def test_a_disk_that_fills_at_any_write(small_disk: Home, tmp_path: Path) -> None:
    """At each point of a cycle there is suddenly no room: one story is told all the same."""
    with target(small_disk, tmp_path / "repo", extra="[policy]\ndisk_free_bytes = 0\n") as under:
        assert under.evolve()["outcome"] == "promoted"
        points = under.traced(under.evolve)
        names = list(dict.fromkeys(name for name, _ in points if name.endswith(".before")))
        for name in names:
            print(f"the disk fills at {name}")
            under.strike("disk", name, 1, under.evolve)
            under.check()
        assert under.evolve()["outcome"] == "promoted"
        print(f"\nthe disk was full at {len(names)} points, all whole afterwards")


def test_an_error_of_the_disk_at_any_write(home: Home, tmp_path: Path) -> None:
    """Each one of a cycle fails with EIO: it serves on, and one story is told."""
    with target(home, tmp_path / "repo") as under:
        assert under.evolve()["outcome"] == "promoted"
        points = under.traced(under.evolve)
        named = dict.fromkeys(name for name, _ in points if name.endswith(".before"))
        names = [name for name in named if name.startswith(WRITES) and not COMMIT.search(name)]
        for name in names:
            print(f"EIO at {name}")
            assert under.strike("effect", name, 1, under.evolve), name
            under.check()
        assert under.evolve()["outcome"] == "promoted"
        print(f"\na write failed at {len(names)} points, all whole afterwards")


def test_a_disk_that_can_only_be_read(small_disk: Home, tmp_path: Path) -> None:
    """As a kernel leaves it after an error: a start is refused in words, and mended it works."""
    disk = str(small_disk.path.parent)
    with target(small_disk, tmp_path / "repo", extra="[policy]\ndisk_free_bytes = 0\n") as under:
        assert under.evolve()["outcome"] == "promoted"
        small_disk.ask("down", "--yes")
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        try:
            refused = small_disk.orgctl("up")
            assert refused.code == 1
            assert "read-only file system\n  see: orgctl doctor" in refused.told, refused
            assert "Traceback" not in refused.told + refused.said
        finally:
            subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
        small_disk.ask("up")
        assert under.evolve()["outcome"] == "promoted"
        under.check()


@pytest.mark.parametrize("where", ["a page", "the header", "the tail of the log"])
def test_a_broken_journal_is_rebuilt_from_git(where: str, home: Home, tmp_path: Path) -> None:
    """What was promoted and what was taken back is known again; the broken one is kept."""
    with target(home, tmp_path / "repo") as under:
        under.evolve()
        under.evolve()
        under.ask("rollback")
        before = under.settled()
        shown = {one["candidate"]: one["state"] for one in under.ask("candidates")["candidates"]}
        home.ask("down", "--yes")
        path = under.layout.journal
        if where == "the tail of the log":
            path.with_name("journal.db-wal").write_bytes(os.urandom(10_000))
        else:
            with path.open("r+b") as file:
                file.seek(0 if where == "the header" else 2 * 4096)
                file.write(b"\xa5" * 4096)
        home.ask("up")
        after = under.settled()
        assert after["counts"] == before["counts"]
        assert after["main"] == before["main"]
        again = {one["candidate"]: one["state"] for one in under.ask("candidates")["candidates"]}
        assert again == shown
        if where != "the tail of the log":
            assert "the journal was broken" in notices(under)
            assert list(path.parent.glob("journal.db.broken-*"))
        assert under.evolve()["release"] == "release/3"
        under.check()


@pytest.mark.parametrize("room", ["releases", "venvs"])
def test_what_was_deleted_is_made_again(room: str, home: Home, tmp_path: Path) -> None:
    """While current runs from it, and when it has to start again."""
    with target(home, tmp_path / "repo") as under:
        under.evolve()
        for folder in (home.path / room).iterdir():
            os.chmod(folder, 0o700)  # noqa: PTH101
            shutil.rmtree(folder)
        pid = under.settled()["slots"]["current"]["pid"]
        os.kill(pid, signal.SIGKILL)
        began = time.monotonic()
        while under.settled()["slots"]["current"]["pid"] == pid:
            assert time.monotonic() - began < BACK_SECONDS_MAX
            time.sleep(LOOK_SECONDS)
        under.evolve()
        under.check()


def test_a_missing_object_is_found(home: Home, tmp_path: Path) -> None:
    """What serves goes on; verify names what is missing and how to get it back."""
    with target(home, tmp_path / "repo") as under:
        under.evolve()
        packs = under.layout.repo / "objects/pack"
        (packs / "multi-pack-index").unlink(missing_ok=True)  # it would name packs that are gone
        for pack in packs.glob("*.pack"):
            aside = Path(shutil.move(pack, tmp_path))  # every object in a file of its own
            with aside.open("rb") as objects:
                argv = ["git", "unpack-objects", "-q"]
                subprocess.run(argv, cwd=under.layout.repo, stdin=objects, check=True)
        oid = home.git("rev-parse", "release/1^{tree}")
        lost = under.layout.repo / "objects" / oid[:2] / oid[2:]
        kept = lost.read_bytes()
        lost.unlink()
        found = home.orgctl("verify", "--json")
        assert found.code == 1
        assert oid[:12] in json.dumps(found.json)
        assert home.get("/").status_code == 200
        lost.write_bytes(kept)
        under.check()


def test_out_of_descriptors(home: Home, tmp_path: Path) -> None:
    """A supervisor that can open nothing more says so, serves on, and works when it can again."""
    with target(home, tmp_path / "repo") as under:
        under.evolve()
        process = supervisor(under)
        soft, hard = process.rlimit(psutil.RLIMIT_NOFILE)
        process.rlimit(psutil.RLIMIT_NOFILE, (process.num_fds() + 4, hard))
        with pytest.raises(Trouble) as refused:
            under.evolve()
        assert "Traceback" not in refused.value.message
        assert home.get("/").status_code == 200
        process.rlimit(psutil.RLIMIT_NOFILE, (soft, hard))
        under.settled()
        assert under.evolve()["outcome"] in ("promoted", "abandoned")
        assert under.evolve()["outcome"] == "promoted"
        under.check()


def test_a_second_supervisor_is_refused(home: Home, tmp_path: Path) -> None:
    """Whoever holds the lease is named, and nothing is touched."""
    with target(home, tmp_path / "repo") as under:
        under.evolve()
        code = under.second_keeper()
        assert code == 3
        under.check()


def test_two_operators_at_once(home: Home, tmp_path: Path) -> None:
    """The second is told who was first, and since when."""
    with target(home, tmp_path / "repo") as under:
        under.evolve()
        first = under.begin(under.evolve)
        second = home.orgctl("rollback", "--yes")
        assert second.code == 3
        assert "busy: evolving" in second.told
        first.join()
        under.check()


def test_the_clock_jumps(home: Home, tmp_path: Path) -> None:
    """A day back or forth between two cycles: candidates, status and history are in order."""
    with target(home, tmp_path / "repo") as under:
        under.evolve()
        for seconds in (-86_400, 86_400):
            under.jump(seconds)
            assert under.evolve()["outcome"] == "promoted"
            assert under.settled()["supervisor"]["uptime_s"] >= 0
            under.ask("rollback")
            under.check()


def test_the_journal_cannot_be_written_in_the_midst_of_a_promotion(
    home: Home, tmp_path: Path
) -> None:
    """Nothing happens that is not written down: the supervisor begins anew, and finishes it."""
    with target(home, tmp_path / "repo") as under:
        under.evolve()
        former = supervisor(under).pid
        under.strike("lock", "journal.promotion.before", 3, under.evolve)
        restarted(under, former)
        under.check()
