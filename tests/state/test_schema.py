"""The journal's file: migrated on a copy, read by an older org where that may be, set aside."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest

from daemon.state import schema
from daemon.state.journal import Journal
from ops import faults
from ops.errors import Failed, Refused

NEWER = {1: "CREATE TABLE lesson (text TEXT) STRICT; INSERT INTO lesson VALUES ('be kind')"}


class Death(BaseException):
    """The process ends here."""


def lessons(path: Path) -> list[str]:
    with contextlib.closing(sqlite3.connect(path)) as db:
        return [row[0] for row in db.execute("SELECT text FROM lesson")]


def test_a_journal_is_migrated_and_the_old_one_kept(tmp_path: Path) -> None:
    """What was in it is there afterwards; the file of before stays beside it."""
    path = tmp_path / "journal.db"
    journal = Journal(path)
    journal.set_fact("name", "value")
    journal.close()
    with contextlib.closing(schema.connect(path, 2, NEWER)) as db:
        assert db.execute("PRAGMA user_version").fetchone()[0] == 2
        facts = dict(db.execute("SELECT name, value FROM fact"))
        assert facts["name"] == "value"
    assert lessons(path) == ["be kind"]
    with contextlib.closing(sqlite3.connect(tmp_path / "journal.db.schema-1")) as old:
        assert old.execute("PRAGMA user_version").fetchone()[0] == 1


@pytest.mark.parametrize("point", ["journal.migrated.before", "journal.migrated.after"])
def test_a_migration_that_is_cut_is_done_again(
    point: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the rename nothing happened, after it everything; each time the next start is fine."""
    path = tmp_path / "journal.db"
    Journal(path).close()

    def strike(name: str) -> None:
        if name == point:
            raise Death

    with monkeypatch.context() as armed:
        armed.setattr(faults, "_strikes", [strike])
        with pytest.raises(Death):
            schema.connect(path, 2, NEWER)
    schema.connect(path, 2, NEWER).close()
    assert lessons(path) == ["be kind"]


def test_a_step_that_fails_changes_nothing(tmp_path: Path) -> None:
    """The journal is as it was, and the former org opens it."""
    path = tmp_path / "journal.db"
    Journal(path).close()
    with pytest.raises(Failed, match="cannot be opened"):
        schema.connect(path, 2, {1: "CREATE TABLE good (x); CREATE NONSENSE"})
    Journal(path).close()


def test_an_older_org_works_with_what_says_that_it_may(tmp_path: Path) -> None:
    """A release that is taken back must still read the journal of the one that failed."""
    path = tmp_path / "journal.db"
    Journal(path).close()
    schema.connect(path, 2, NEWER).close()  # READABLE_FROM is 1
    Journal(path).close()


def test_an_older_org_refuses_what_it_cannot_read(tmp_path: Path) -> None:
    """And says which org can."""
    path = tmp_path / "journal.db"
    Journal(path).close()
    with contextlib.closing(schema.connect(path, 2, NEWER)) as db:
        db.execute("UPDATE fact SET value = '2' WHERE name = 'readable_from'")
    with pytest.raises(Refused, match="newer org"):
        Journal(path)


def test_a_broken_journal_is_known_and_set_aside(tmp_path: Path) -> None:
    """Neither a page of rubbish nor a file that is no database goes unnoticed; nothing is lost."""
    path = tmp_path / "journal.db"
    assert schema.is_broken(path) is None
    for number in (1, 2):
        journal = Journal(path)
        for fact in range(2000):
            journal.set_fact(f"fact {fact}", "x" * 50)
        journal.close()
        assert schema.is_broken(path) is None
        with path.open("r+b") as file:
            file.seek(8192 if number == 1 else 0)
            file.write(b"\xa5" * 8192)
        assert schema.is_broken(path) is not None
        assert schema.set_aside(path).name == f"journal.db.broken-{number}"
        assert schema.is_broken(path) is None
