"""A SQLite file as it is at one instant, while others write to it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from ops.errors import Failed

HEADER = b"SQLite format 3\0"
BUSY_SECONDS = 10.0
BESIDE = ("-wal", "-shm", "-journal")  # what SQLite keeps next to a database


def is_database(path: Path) -> bool:
    with path.open("rb") as source:
        return source.read(len(HEADER)) == HEADER


@contextmanager
def pinned(path: Path) -> Iterator[sqlite3.Connection]:
    """Reads what is committed now, whatever is committed while inside. Raises Failed."""
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=rw", BUSY_SECONDS, uri=True)) as db:
            db.isolation_level = None
            db.execute("BEGIN")
            db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            yield db
    except sqlite3.Error as error:
        raise Failed(f"{path} cannot be read: {error}", "see: orgctl doctor") from error


def copy(source: sqlite3.Connection, target: Path) -> None:
    """What `source` sees, as one sound file. Raises Failed when it is damaged."""
    with closing(sqlite3.connect(target)) as db:
        source.backup(db)
    check(target)


def check(path: Path) -> None:
    """Raises Failed when SQLite finds a fault in it."""
    try:
        with closing(sqlite3.connect(path)) as db:
            said = db.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.Error as error:
        said = str(error)
    if said != "ok":
        why = str(said).splitlines()[-1]
        raise Failed(f"the database {path.name} is damaged: {why}", "restore a backup of it")
