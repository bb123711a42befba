"""The journal's file: opened whole, migrated on a copy, set aside when it is broken.

A schema goes one way, code both ways: what a newer org wrote says from which schema on it can
be worked with, so that a release that is taken back still reads its journal.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Mapping
from pathlib import Path

from ops.errors import Failed, Refused
from ops.faults import around
from ops.files import sync_directory

SCHEMA = 1  # raise by one with each change, and add its step to STEPS
READABLE_FROM = 1  # the oldest schema whose code can work with what this one writes
STEPS: Mapping[int, str] = {}  # from schema n to n + 1
BUSY_SECONDS = 10.0
BESIDE = ("-wal", "-shm")
COPY = ".migrating"

TABLES = """
CREATE TABLE candidate (id TEXT PRIMARY KEY, state TEXT NOT NULL, record TEXT NOT NULL) STRICT;
CREATE INDEX candidate_state ON candidate (state);
CREATE TABLE promotion (
    id TEXT PRIMARY KEY, state TEXT NOT NULL, candidate TEXT, record TEXT NOT NULL) STRICT;
CREATE INDEX promotion_state ON promotion (state);
CREATE TABLE goal (place INTEGER PRIMARY KEY, id TEXT UNIQUE NOT NULL, record TEXT NOT NULL) STRICT;
CREATE TABLE event (
    number INTEGER PRIMARY KEY, at REAL NOT NULL, kind TEXT NOT NULL, candidate TEXT,
    record TEXT NOT NULL) STRICT;
CREATE INDEX event_candidate ON event (candidate);
CREATE TABLE fact (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
"""
Steps = Mapping[int, str]


def connect(path: Path, wanted: int = SCHEMA, steps: Steps = STEPS) -> sqlite3.Connection:
    """Raises Refused when a newer org wrote it, Failed when it cannot be read."""
    try:
        db = _open(path)
        found: int = db.execute("PRAGMA user_version").fetchone()[0]
        if found == 0:
            _script(db, TABLES, wanted)
        elif found < wanted:
            db.close()
            _migrate(path, found, wanted, steps)
            db = _open(path)
        elif found > wanted and _readable_from(db) > wanted:
            raise Refused(
                f"this home was made by a newer org (schema {found}, this one reads {wanted})",
                "run the newer org, or name another home with --home",
            )
    except sqlite3.Error as error:
        hint = f"move {path} aside and start again: it is rebuilt from git"
        raise Failed(f"the journal {path} cannot be opened: {error}", hint) from error
    return db


def _open(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    return db


def _script(db: sqlite3.Connection, text: str, version: int) -> None:
    """All of it, or nothing."""
    db.execute("BEGIN IMMEDIATE")
    try:
        for statement in filter(str.strip, text.split(";")):
            db.execute(statement)
        keep = "INSERT INTO fact VALUES ('readable_from', ?) ON CONFLICT (name)"
        db.execute(f"{keep} DO UPDATE SET value = excluded.value", (str(READABLE_FROM),))
        db.execute(f"PRAGMA user_version = {version}")
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


def _migrate(path: Path, found: int, wanted: int, steps: Steps) -> None:
    """On a copy that takes the journal's place when it is done; the old one stays beside it."""
    copy = path.with_name(path.name + COPY)
    copy.unlink(missing_ok=True)
    with contextlib.closing(_open(path)) as old, contextlib.closing(sqlite3.connect(copy)) as new:
        new.isolation_level = None
        old.backup(new)
        for version in range(found, wanted):
            _script(new, steps[version], version + 1)
        old.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    path.with_name(f"{path.name}.schema-{found}").write_bytes(path.read_bytes())
    with around("journal.migrated"):
        copy.rename(path)
    sync_directory(path.parent)


def _readable_from(db: sqlite3.Connection) -> int:
    tables = dict(db.execute("SELECT name, type FROM sqlite_schema"))
    query = "SELECT value FROM fact WHERE name = 'readable_from'"
    row = db.execute(query).fetchone() if "fact" in tables else None
    return int(row[0]) if row else SCHEMA + 1


def is_broken(path: Path) -> str | None:
    """What is wrong with it; None when it is whole, or not there."""
    if not path.exists():
        return None
    try:
        with contextlib.closing(sqlite3.connect(path, timeout=BUSY_SECONDS)) as db:
            said = str(db.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.DatabaseError as error:
        return str(error)
    return None if said == "ok" else said


def set_aside(path: Path) -> Path:
    """Out of the way, under a name that nothing has yet; gives it."""
    number = 1
    while (away := path.with_name(f"{path.name}.broken-{number}")).exists():
        number += 1
    for beside in BESIDE:
        path.with_name(path.name + beside).unlink(missing_ok=True)
    path.rename(away)
    sync_directory(path.parent)
    return away
