"""An instance from a backup: into an empty home, whole or not at all.

The archive is checked before anything of it is used, and unpacked by our own hand: plain files at
checked names in a fresh folder. The home exists from the last rename on; a restore that was killed
is begun anew by the next.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from daemon.core import release as releases
from daemon.core.release import Point
from daemon.state.programs import Code, Programs
from daemon.state.settings import load
from daemon.state.snapshot import check
from daemon.supervisor.audit import audit
from daemon.supervisor.backup import FORMAT, JOURNAL, MANIFEST, PACK, REFS, STAGING, may_be_member
from daemon.supervisor.runnable import LOCK, base_python
from daemon.supervisor.world import Instance
from ops import venv, worktree
from ops.errors import Failed, Refused, Trouble
from ops.files import free_bytes, remove_tree, sync_directory, write_atomic
from ops.history import OID, History
from ops.layout import Layout
from ops.lease import hold
from ops.loaded import ROOT
from ops.packing import Packing
from ops.records import RefChange

MANIFEST_BYTES_MAX = 256 * 2**20
MEMBERS_MAX = 1_000_000
CHUNK_BYTES = 2**20
REFS_AT_ONCE_MAX = 5000
BROKEN = (zipfile.BadZipFile, zlib.error, ValueError, EOFError, NotImplementedError, RuntimeError)
DISK_FLOOR_BYTES = 200 * 2**20


class Member(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    bytes: int
    sha256: str


class Manifest(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")
    format: int
    made: int
    kind: str
    main: str
    files: dict[str, Member]


def restore(home: Path, file: Path, program: Path) -> dict[str, Any]:
    """Raises Refused when the home is in use or the file is no whole backup."""
    layout = Layout(home)
    with _opened(file) as archive:
        manifest = _manifest(archive, file)
        _check_members(archive, manifest, file)
        check_empty(layout)
        try:
            layout.run.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise Refused(f"{home} cannot be written: {error.strerror}", "name another") from error
        with hold(layout.daemon_lease, "restoring the instance"):
            check_empty(layout)
            _clear(layout)
            try:
                return Restore(layout, manifest, program).perform(archive)
            except BaseException:
                _clear(layout)
                raise


def _opened(file: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(file)
    except FileNotFoundError as error:
        raise Refused(f"no file {file}", "name a file that orgctl backup wrote") from error
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise _damaged(file, str(error)) from error


def _damaged(file: Path, why: str) -> Refused:
    text = f"{file} is no whole backup of org: {why}"
    return Refused(text, "restore another copy; nothing was changed")


def _manifest(archive: zipfile.ZipFile, file: Path) -> Manifest:
    try:
        if archive.getinfo(MANIFEST).file_size > MANIFEST_BYTES_MAX:
            raise _damaged(file, "its manifest is too large")
        found = json.loads(archive.read(MANIFEST))
        if int(found["format"]) > FORMAT:
            raise Refused(f"{file} was made by a newer org", "restore it with the newer org")
        return Manifest.model_validate(found)
    except (KeyError, TypeError, ValidationError) as error:
        raise _damaged(file, "it has no manifest that fits") from error
    except BROKEN as error:
        raise _damaged(file, str(error)) from error


def _check_members(archive: zipfile.ZipFile, manifest: Manifest, file: Path) -> None:
    """Every name exactly once, as the manifest has it, and none that leads out of the home."""
    names = [info.filename for info in archive.infolist() if info.filename != MANIFEST]
    if len(names) != len(set(names)) or set(names) != set(manifest.files):
        raise _damaged(file, "its members are not those of its manifest")
    if len(names) > MEMBERS_MAX or not {PACK, REFS, JOURNAL, "state/instance.json"} <= set(names):
        raise _damaged(file, "it has not the members of an instance")
    for name in names:
        if name not in (PACK, REFS) and not may_be_member(name):
            raise _damaged(file, f"{name!r} is no name for a member")


def check_empty(layout: Layout) -> None:
    """Raises Refused unless the home is absent, empty, or holds what a killed restore left."""
    if layout.instance.exists():
        raise Refused(f"{layout.home} already holds an instance", "name an empty --home")
    there = {path.name for path in layout.home.iterdir()} if layout.home.is_dir() else set()
    if layout.home.exists() and not layout.home.is_dir():
        raise Refused(f"{layout.home} is no directory", "name an empty --home")
    if there - {layout.run.name} and STAGING not in there:
        raise Refused(f"{layout.home} is not empty", "name an empty --home")


def _clear(layout: Layout) -> None:
    """All that a restore left: while the staging folder is there, nothing else made the rest."""
    for path in layout.home.iterdir():
        if path.name not in (STAGING, layout.run.name):
            remove_tree(path) if path.is_dir() else path.unlink()
    remove_tree(layout.home / STAGING)


@dataclass
class Restore:
    """All is made below the staging folder, which is a home of its own, then moved into place."""

    layout: Layout
    manifest: Manifest
    program: Path

    @property
    def staged(self) -> Layout:
        return Layout(self.layout.home / STAGING)

    def perform(self, archive: zipfile.ZipFile) -> dict[str, Any]:
        self.staged.home.mkdir(mode=0o700)
        sync_directory(self.layout.home)
        self._unpack(archive)
        history = self._repo()
        check(self.staged.journal)
        load(self.staged.home)
        self._records(history)
        found = audit(self.staged)
        self._into_place()
        return {
            "home": str(self.layout.home),
            "kind": self.manifest.kind,
            "main": self.manifest.main,
            "made": self.manifest.made,
            "releases": found["releases"],
            "problems": found["problems"],
        }

    def _unpack(self, archive: zipfile.ZipFile) -> None:
        need = sum(member.bytes for member in self.manifest.files.values())
        if free_bytes(self.layout.home) - need < DISK_FLOOR_BYTES:
            raise Refused(f"the backup needs {need // 2**20} MiB of disk", "free some space")
        for name, member in self.manifest.files.items():
            target = self.staged.home / name
            try:
                target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                _unpack_one(archive, name, member, target)
            except BROKEN as error:
                raise _damaged(Path(str(archive.filename)), f"{name}: {error}") from error
            except OSError as error:
                raise Failed(f"{target} cannot be written: {error.strerror}", "") from error

    def _repo(self) -> History:
        """Every object in its place, every ref on an object that is there."""
        history, repo = History.create(self.staged.repo), Packing(self.staged.repo)
        repo.unpack(self.staged.home / PACK)
        refs = {}
        for line in (self.staged.home / REFS).read_text().splitlines():
            oid, _, ref = line.partition(" ")
            if not OID.fullmatch(oid) or not ref.startswith("refs/"):
                raise Failed(f"the backup has a ref that is none: {line[:80]}", "")
            refs[ref] = oid
        changes = [RefChange(ref, oid, None) for ref, oid in refs.items()]
        for at in range(0, len(changes), REFS_AT_ONCE_MAX):
            history.move(changes[at : at + REFS_AT_ONCE_MAX])
        repo.pack_refs()
        repo.check_whole()
        if refs.get(releases.MAIN) != self.manifest.main:
            raise Failed("the backup's main is not the one that its manifest names", "")
        (self.staged.home / REFS).unlink()
        return history

    def _records(self, history: History) -> None:
        """What names places on this machine: the program, its interpreter, the first release."""
        releases_room = self.staged.releases
        releases_room.mkdir(mode=0o700)
        commit = _serving(history, self.manifest.main)
        worktree.export(history, commit, releases_room / commit)
        born = json.loads(self.staged.instance.read_bytes())
        kind = Instance.model_validate(born).kind
        if kind == "org":
            lock = history.read(commit, LOCK)
            if lock is None:
                raise Failed(f"{commit[:12]} has no {LOCK}", "")
            self.layout.venvs.mkdir(mode=0o700, exist_ok=True)
            python = venv.ensure(self.layout.venvs, lock, base_python())
            code = Code(root=self.layout.releases / commit, python=python)
        else:
            code = Code(root=self.program, python=Path(sys.executable))
            born |= {"program": str(code.root), "python": str(code.python)}
        Programs(self.staged).begin(code)
        write_atomic(self.staged.instance, json.dumps(born, indent=1).encode())

    def _into_place(self) -> None:
        """The state, with the instance's record in it, comes last: from then on the home is one."""
        os.sync()
        for path in sorted(self.staged.home.iterdir()):
            if path != self.staged.state:
                path.rename(self.layout.home / path.name)
        for room in self.layout.rooms():
            if room != self.layout.state:
                room.mkdir(mode=0o700, exist_ok=True)
        sync_directory(self.layout.home)
        self.staged.state.rename(self.layout.state)
        sync_directory(self.layout.home)
        remove_tree(self.staged.home)


def _unpack_one(archive: zipfile.ZipFile, name: str, member: Member, target: Path) -> None:
    digest, size = hashlib.sha256(), 0
    with archive.open(name) as source, target.open("xb") as out:
        while chunk := source.read(CHUNK_BYTES):
            digest.update(chunk)
            size += len(chunk)
            if size > member.bytes:
                break
            out.write(chunk)
    if (size, digest.hexdigest()) != (member.bytes, member.sha256):
        raise ValueError("it is not what the manifest says")
    target.chmod(0o600)


def _serving(history: History, main: str) -> str:
    def look(commit: str) -> Point:
        entry = history.entry(commit)
        return Point(commit, entry.parents, entry.trailers)

    return releases.serving(main, look)


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="daemon.supervisor.restore")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--file", type=Path, required=True)
    flags = parser.parse_args(argv)
    try:
        print(json.dumps(restore(flags.home, flags.file, ROOT)))
    except Trouble as trouble:
        print(json.dumps(trouble.as_json()))
        return int(trouble.code)
    return 0
