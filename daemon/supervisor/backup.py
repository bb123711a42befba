"""One file that holds an instance: history, journal, settings, evidence; taken while it runs.

It is a zip with a manifest of every member's size and sha256. Releases and environments are not
in it, as git and the lock make them again; keys are not in it, so that it can be put anywhere.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import stat
import tempfile
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from daemon.core import release as releases
from daemon.state.snapshot import BESIDE, copy, is_database, pinned
from daemon.supervisor.world import Instance, read_instance
from ops.errors import Failed, Refused, Trouble
from ops.files import sync_directory
from ops.layout import Layout
from ops.packing import Packing

FORMAT = 1
PACK, REFS, MANIFEST, JOURNAL = "repo.pack", "refs", "manifest.json", "state/journal.db"
STAGING = ".restoring"  # where a restore makes all of it; never part of a home
BACKUPS = "backups"  # what the clock takes; no backup holds another
LEFT_OUT = frozenset({"repo.git", "releases", "venvs", "candidates", "run", "logs", BACKUPS})
STATE_LEFT_OUT = ("keys.toml", "program.json", "program-on-trial.json", "program-failed.json")
TRIES_MAX = 20
CHUNK_BYTES = 2**20
Promotions = list[tuple[str, str]]


def backup(home: Path, file: Path) -> dict[str, Any]:
    """Raises Refused when `file` is there already, Failed when the home cannot be read."""
    layout = Layout(home)
    instance = read_instance(layout)
    if file.exists() or file.is_symlink():
        raise Refused(f"{file} exists already", "name another file, or remove it")
    try:
        with tempfile.TemporaryDirectory(dir=file.parent, prefix=f".{file.name}.") as name:
            whole = Archive(layout, Path(name)).write(instance)
            whole.rename(file)
            sync_directory(file.parent)
    except OSError as error:
        raise Failed(f"{file} cannot be written: {error.strerror}", "name another file") from error
    return _told(file)


def _told(file: Path) -> dict[str, Any]:
    with file.open("rb") as source:
        digest = hashlib.file_digest(source, "sha256").hexdigest()
    with zipfile.ZipFile(file) as archive:
        manifest = json.loads(archive.read(MANIFEST))
    told = {key: manifest[key] for key in ("main", "made", "refs", "releases")}
    return {"file": str(file), "bytes": file.stat().st_size, "sha256": digest, **told}


@dataclass
class Archive:
    """One archive in the making; `staging` is a folder of its own beside the file to be."""

    layout: Layout
    staging: Path
    files: dict[str, dict[str, Any]] = field(default_factory=dict)

    def write(self, instance: Instance) -> Path:
        repo, target = Packing(self.layout.repo), self.staging / "archive"
        journal = self.staging / "journal.db"
        refs = frozen(self.layout, repo, journal)
        pack = self.staging / PACK
        repo.pack(refs.values(), pack)
        named = self.staging / REFS
        named.write_text("".join(f"{oid} {ref}\n" for ref, oid in refs.items()))
        with target.open("xb") as out:
            os.fchmod(out.fileno(), 0o600)
            with zipfile.ZipFile(
                out, "w", zipfile.ZIP_DEFLATED, compresslevel=1, strict_timestamps=False
            ) as archive:
                for name, path in ((PACK, pack), (REFS, named), (JOURNAL, journal)):
                    self._add(archive, name, path)
                for name, path in members(self.layout.home):
                    self._add_living(archive, name, path)
                archive.writestr(MANIFEST, json.dumps(self._manifest(instance, refs)))
            out.flush()
            os.fsync(out.fileno())
        return target

    def _manifest(self, instance: Instance, refs: dict[str, str]) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "made": int(time.time()),
            "kind": instance.kind,
            "main": refs.get(releases.MAIN),
            "refs": len(refs),
            "releases": len(releases.numbers(refs, releases.RELEASE_TAGS)),
            "files": self.files,
        }

    def _add(self, archive: zipfile.ZipFile, name: str, path: Path) -> None:
        stored = zipfile.ZIP_STORED if name == PACK else zipfile.ZIP_DEFLATED
        archive.write(path, name, compress_type=stored)
        with path.open("rb") as source:
            digest = hashlib.file_digest(source, "sha256").hexdigest()
        self.files[name] = {"bytes": path.stat().st_size, "sha256": digest}
        path.unlink()  # the room is needed for the next

    def _add_living(self, archive: zipfile.ZipFile, name: str, path: Path) -> None:
        """Copied first, so that what is hashed is what is stored; what vanished is left out."""
        still = self.staging / "member"
        try:
            if name.startswith("state/") and is_database(path):  # what we wrote; no evidence
                with pinned(path) as db:
                    copy(db, still)
            else:
                _copy_plain(path, still)
        except FileNotFoundError:
            return
        self._add(archive, name, still)


def _copy_plain(path: Path, target: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as source, target.open("wb") as out:
        shutil.copyfileobj(source, out, CHUNK_BYTES)


def frozen(layout: Layout, repo: Packing, journal: Path) -> dict[str, str]:
    """The refs and, in `journal`, the journal of one instant: as a kill there would leave them.

    The journal is read first, as every step is journalled before its effect; and no promotion
    may take a step while the refs are read, which is looked at afterwards.
    """
    for _ in range(TRIES_MAX):
        with pinned(layout.journal) as db:
            refs = repo.refs()
            with pinned(layout.journal) as later:
                moved = _promotions(db) != _promotions(later)
            if not moved:
                copy(db, journal)
                return refs
    raise Failed("releases keep changing while the backup is made", "try again")


def _promotions(db: Any) -> Promotions:
    return list(db.execute("SELECT id, record FROM promotion ORDER BY id"))


def members(home: Path) -> Iterator[tuple[str, Path]]:
    """Plain files, by their name in the archive; not links, sockets, or what is made anew."""
    for where, folders, names in os.walk(home):
        here = Path(where)
        if here == home:
            folders[:] = sorted(name for name in folders if name not in LEFT_OUT)
        folders[:] = [name for name in folders if not (here / name).is_symlink()]
        for name in sorted(names):
            path = here / name
            member = str(path.relative_to(home))
            if may_be_member(member) and _belongs(member) and _is_plain(path):
                yield member, path


def may_be_member(name: str) -> bool:
    """A relative path of plain parts that every zip can hold, in no room that is made anew."""
    parts = name.split("/")
    plain = all(part not in ("", ".", "..") for part in parts) and name.isprintable()
    return plain and "\\" not in name and parts[0] not in (*LEFT_OUT, STAGING, PACK, REFS, MANIFEST)


def _belongs(name: str) -> bool:
    left_out = name == JOURNAL or name.endswith(BESIDE)
    return not left_out and name not in {f"state/{one}" for one in STATE_LEFT_OUT}


def _is_plain(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except FileNotFoundError:
        return False


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="daemon.supervisor.backup")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--file", type=Path, required=True)
    flags = parser.parse_args(argv)
    try:
        print(json.dumps(backup(flags.home, flags.file)))
    except Trouble as trouble:
        print(json.dumps(trouble.as_json()))
        return int(trouble.code)
    return 0
