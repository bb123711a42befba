"""A backup is one instant of an instance; a restore is that, or nothing (attack W10)."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from daemon.core.promotion import Answer, Promotion, State
from daemon.state.journal import Journal
from daemon.state.programs import Programs
from daemon.supervisor import audit, backups
from daemon.supervisor.backup import MANIFEST, backup, frozen
from daemon.supervisor.restore import restore
from daemon.supervisor.world import World
from ops.errors import Exit, Refused, Trouble
from ops.history import History
from ops.layout import Layout
from ops.loaded import ROOT
from ops.packing import Packing
from ops.records import RefChange
from tests.supervisor import killed
from tests.supervisor.grown import Grown, grown

CUTS = 12


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grown]:
    found = grown(tmp_path_factory.mktemp("grown"), promoted=3, rejected=2)
    (found.world.layout.state / "keys.toml").write_text('key = "secret-of-mine"\n')
    rooms = found.world.layout.state / "rooms"
    rooms.mkdir()
    with closing(sqlite3.connect(rooms / "talk.db")) as db:
        db.execute("CREATE TABLE said (text)")
        db.execute("INSERT INTO said VALUES ('hello')")
        db.commit()
    (found.home / "state/link").symlink_to("/etc/passwd")
    yield found
    found.world.journal.close()


@pytest.fixture(scope="module")
def file(made: Grown, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("backup") / "org.backup"
    backup(made.home, target)
    return target


def test_what_comes_back_is_what_was(made: Grown, file: Path, tmp_path: Path) -> None:
    """Refs, notes, archive, evidence, other databases; with this machine's paths and no keys."""
    home = tmp_path / "elsewhere"
    said = restore(home, file, ROOT)
    assert (said["main"], said["problems"]) == (made.released[-1], [])
    assert Packing(home / "repo.git").refs() == Packing(made.world.layout.repo).refs()
    assert audit.audit(Layout(home)) == audit.audit(made.world.layout)
    world = World.open(home)
    assert world.journal.candidates() == made.world.journal.candidates()
    world.journal.close()
    assert Programs(Layout(home)).good().root == ROOT
    assert (home / "evidence" / made.dropped[0] / "file").exists()
    assert (home / "releases" / made.released[-1] / "service.py").exists()
    with closing(sqlite3.connect(home / "state/rooms/talk.db")) as db:
        assert db.execute("SELECT text FROM said").fetchall() == [("hello",)]
    assert not (home / "state/keys.toml").exists() and not (home / "state/link").exists()
    assert b"secret-of-mine" not in file.read_bytes()
    assert file.stat().st_mode & 0o077 == 0


def test_nothing_is_overwritten(made: Grown, file: Path) -> None:
    """Neither a file by a backup nor an instance by a restore."""
    before = file.read_bytes()
    with pytest.raises(Refused):
        backup(made.home, file)
    with pytest.raises(Refused, match="already holds an instance"):
        restore(made.home, file, ROOT)
    assert file.read_bytes() == before
    assert {path.name for path in file.parent.iterdir()} == {file.name}


def test_a_home_with_something_in_it_is_refused(file: Path, tmp_path: Path) -> None:
    """What lies there is somebody's."""
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(Refused, match="not empty"):
        restore(tmp_path, file, ROOT)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def refused(home: Path, file: Path) -> Trouble:
    """One sentence, and nothing of an instance in the home."""
    with pytest.raises(Trouble) as trouble:
        restore(home, file, ROOT)
    assert "\n" not in trouble.value.message
    assert trouble.value.code in (Exit.MISUSE, Exit.JUDGED_NO)
    left = {path.name for path in home.iterdir()} if home.exists() else set()
    assert left <= {"run"}
    return trouble.value


@pytest.mark.parametrize("share", range(CUTS))
def test_a_file_that_was_cut_is_refused(file: Path, tmp_path: Path, share: int) -> None:
    """Wherever it ends."""
    data = file.read_bytes()
    cut = tmp_path / "cut"
    cut.write_bytes(data[: len(data) * share // CUTS])
    assert "no whole backup" in refused(tmp_path / "home", cut).message


@pytest.mark.parametrize("share", range(CUTS))
def test_a_flipped_byte_is_found_or_means_nothing(file: Path, tmp_path: Path, share: int) -> None:
    """Wherever it is: refused in one sentence, or what comes back is the same."""
    data = bytearray(file.read_bytes())
    data[len(data) * share // CUTS] ^= 0x55
    bad, home = tmp_path / "bad", tmp_path / "home"
    bad.write_bytes(data)
    try:
        restore(home, bad, ROOT)
    except Trouble:
        refused(home, bad)
    else:
        again = json.loads((home / "state/instance.json").read_bytes())
        assert again["kind"] == "repo"
        assert audit.audit(Layout(home))["ok"]


def rewritten(file: Path, target: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """The archive with other members, under a manifest that fits them."""
    import hashlib

    with zipfile.ZipFile(file) as archive:
        files = {info.filename: archive.read(info) for info in archive.infolist()}
    manifest: dict[str, Any] = json.loads(files.pop(MANIFEST))
    change(files)
    manifest["files"] = {
        name: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        for name, data in files.items()
    }
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
        archive.writestr(MANIFEST, json.dumps(manifest))
    return target


@pytest.mark.parametrize(
    "name",
    [
        "../outside",
        "/tmp/outside-of-org",
        "state/../../outside",
        "state//double",
        "./state/x",
        "repo.git/hooks/post-update",
        "run/control.sock",
        ".restoring/x",
        "state/a\\..\\b",
        "releases/x/y",
    ],
)
def test_no_name_leads_out(file: Path, tmp_path: Path, name: str) -> None:
    """Not above the home, nor into what is made anew; nothing is written before all are checked."""
    evil = rewritten(file, tmp_path / "evil", lambda files: files.update({name: b"evil"}))
    refused(tmp_path / "home", evil)
    assert not (tmp_path / "outside").exists()
    assert not Path("/tmp/outside-of-org").exists()


def test_a_link_is_written_as_the_file_it_is_not(file: Path, tmp_path: Path) -> None:
    """A member that says it is a symbolic link comes out as plain bytes."""
    evil = tmp_path / "evil"
    rewritten(file, evil, lambda files: files.update({"state/link": b"/etc/passwd"}))
    with zipfile.ZipFile(evil, "a") as archive:
        archive.getinfo("state/link").external_attr = 0o120777 << 16
        archive.comment = b"links"  # has the directory written anew
    restore(tmp_path / "home", evil, ROOT)
    assert not (tmp_path / "home/state/link").is_symlink()


def lose_an_object(files: dict[str, bytes]) -> None:
    oid = files["refs"].split()[0]
    files["refs"] = files["refs"].replace(oid, b"1" * 40)


def spoil_the_journal(files: dict[str, bytes]) -> None:
    journal = files["state/journal.db"]
    files["state/journal.db"] = journal[:4096] + b"\xff" * (len(journal) - 4096)


def misname_main(files: dict[str, bytes]) -> None:
    files["refs"] = files["refs"].replace(b"refs/heads/main", b"refs/heads/else")


@pytest.mark.parametrize("spoil", [lose_an_object, spoil_the_journal, misname_main])
def test_what_does_not_hold_together_is_refused(
    file: Path, tmp_path: Path, spoil: Callable[[dict[str, bytes]], None]
) -> None:
    """A manifest that fits is not enough: objects, journal and main are looked at."""
    refused(tmp_path / "home", rewritten(file, tmp_path / "bad", spoil))


def test_a_newer_format_is_told(file: Path, tmp_path: Path) -> None:
    """With what to do about it."""
    newer = tmp_path / "newer"
    with zipfile.ZipFile(newer, "w") as archive:
        archive.writestr(MANIFEST, json.dumps({"format": 99}))
    assert "newer org" in refused(tmp_path / "home", newer).message


def test_journal_and_refs_are_of_one_instant(made: Grown, tmp_path: Path) -> None:
    """While steps are journalled and refs moved: never a ref whose step the journal lacks."""
    layout, over = made.world.layout, threading.Event()
    steps = threading.Thread(target=keep_stepping, args=(made, over))
    steps.start()
    try:
        for number in range(8):
            target = tmp_path / f"{number}.db"
            try:
                refs = frozen(layout, Packing(layout.repo), target)
            except Trouble:
                continue  # too busy is told, and is no lie
            journal = Journal(target)
            known = {one.id: one.state for one in journal.open_promotions()}
            journal.close()
            tags = {ref.rsplit("/", 1)[-1] for ref in refs if ref.startswith("refs/tags/step/")}
            assert tags <= set(known)
            assert {name for name, state in known.items() if state is State.RELEASED} <= tags
    finally:
        over.set()
        steps.join()


def keep_stepping(made: Grown, over: threading.Event) -> None:
    world, commit = made.world, made.released[0]
    number = 0
    while not over.wait(0.05):
        number += 1
        step = Promotion(
            id=f"s{number}", state=State.READY, candidate=None, main=commit, merge=commit,
            former=commit, when=1,
        )  # fmt: skip
        world.journal.save_promotion(step)
        world.history.move([RefChange(f"refs/tags/step/s{number}", commit, None)])
        world.journal.save_promotion(step.to(Answer.REFS_MOVED))


STRIDE = 5


@pytest.mark.crash
def test_a_killed_restore_is_no_instance_and_the_next_one_is_whole(
    made: Grown, file: Path, tmp_path: Path
) -> None:
    """Killed before every fifth effect: the home holds nothing yet, or everything."""
    for after in range(0, killed.NEVER, STRIDE):
        home = tmp_path / str(after)
        argv = ["--home", str(home), "--file", str(file)]
        code = killed.run("restore", argv, after)
        if not Layout(home).instance.exists():
            assert killed.run("restore", argv) == 0
        assert audit.audit(Layout(home))["ok"]
        assert (home / "releases" / made.released[3] / "service.py").exists()
        World.open(home).journal.close()
        if code == 0:
            break
    assert after > 5 * STRIDE


def test_the_clock_takes_some_and_keeps_the_newest(tmp_path: Path) -> None:
    """Each can be restored, holds none of the others, and the older ones go."""
    found = grown(tmp_path, promoted=1, rejected=0, settings="[keep]\nbackups = 2\n")
    world, at = found.world, 1_800_000_000.0
    told = []
    for number in range(4):
        world.clock = partial(float, at + number * 60)
        told.append(asyncio.run(backups.take(world)))
    world.journal.close()
    kept = sorted(path.name for path in (found.home / "backups").iterdir())
    assert [name in text for name, text in zip(kept, told[2:], strict=True)] == [True, True]
    assert "1 old ones removed" in told[2]
    newest = found.home / "backups" / kept[-1]
    with zipfile.ZipFile(newest) as archive:
        assert not [name for name in archive.namelist() if name.startswith("backups/")]
    restore(tmp_path / "again", newest, ROOT)
    assert History(Layout(tmp_path / "again").repo).find("refs/heads/main") == found.released[-1]
