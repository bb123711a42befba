"""What is under way, and an index of what was: SQLite, every commit on disk before it counts.

Git is the truth; everything but open promotions can be rebuilt from it.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from daemon.core.candidate import ENDED as CANDIDATE_ENDED
from daemon.core.candidate import Candidate
from daemon.core.goal import Goal
from daemon.core.promotion import OPEN, Promotion, State
from daemon.state import schema
from ops.errors import Failed
from ops.faults import around

EVENTS_PAGE_MAX = 10_000
EVENTS_KEPT_MAX = 200_000
DECIDED = ("decided", "ended", "created")  # when a candidate ended, by the first that is known


class Journal:
    """One instance's journal; used from one thread at a time, guarded for two."""

    def __init__(self, path: Path) -> None:
        """Raises Refused when a newer org wrote it, Failed when it cannot be read."""
        self._path = path
        self._lock = threading.RLock()
        self._db = schema.connect(path)

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        with self._lock:
            try:
                yield
            except sqlite3.Error as error:
                full = "full" in str(error)
                hint = "free some space" if full else "run: orgctl down, then orgctl up"
                raise Failed(f"the journal {self._path}: {error}", hint) from error

    @contextmanager
    def together(self) -> Iterator[None]:
        """All writes inside reach the disk as one, or not at all."""
        with self._guarded():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def _rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with self._guarded():
            return self._db.execute(query, values).fetchall()

    def _write(self, query: str, *values: object) -> None:
        with around(f"journal.{_table(query)}"), self._guarded():
            self._db.execute(query, values)

    # Candidates

    def save_candidate(self, candidate: Candidate) -> None:
        self._write(
            "INSERT INTO candidate VALUES (?, ?, ?) ON CONFLICT (id)"
            " DO UPDATE SET state = excluded.state, record = excluded.record",
            candidate.id,
            str(candidate.state),
            candidate.model_dump_json(),
        )

    def candidate(self, name: str) -> Candidate | None:
        rows = self._rows("SELECT record FROM candidate WHERE id = ?", name)
        return Candidate.model_validate_json(rows[0][0]) if rows else None

    def candidates(self, limit: int | None = None) -> list[Candidate]:
        """Newest first."""
        rows = self._rows("SELECT record FROM candidate ORDER BY id DESC LIMIT ?", limit or -1)
        return [Candidate.model_validate_json(row[0]) for row in rows]

    def archive(
        self, before: str | None, state: str | None, text: str, limit: int
    ) -> list[Candidate]:
        """Newest first, from before the id `before`; `text` is looked for in id and goal."""
        rows = self._rows(
            "SELECT record FROM candidate WHERE (?1 IS NULL OR id < ?1)"
            " AND (?2 IS NULL OR state = ?2)"
            " AND (?3 = '' OR instr(lower(id || ' ' || json_extract(record, '$.goal')), lower(?3)))"
            " ORDER BY id DESC LIMIT ?4",
            before,
            state,
            text,
            limit,
        )
        return [Candidate.model_validate_json(row[0]) for row in rows]

    def states(self) -> list[tuple[str, str, int]]:
        """Id, state and tokens of every candidate, oldest first."""
        query = "SELECT id, state, json_extract(record, '$.tokens') FROM candidate ORDER BY id"
        return [(str(name), str(state), int(spent)) for name, state, spent in self._rows(query)]

    def open_candidates(self) -> list[Candidate]:
        marks = ",".join("?" * len(CANDIDATE_ENDED))
        query = f"SELECT record FROM candidate WHERE state NOT IN ({marks}) ORDER BY id"
        rows = self._rows(query, *map(str, CANDIDATE_ENDED))
        return [Candidate.model_validate_json(row[0]) for row in rows]

    def decided_since(self, begin: float) -> list[Candidate]:
        """Oldest first: those that came to their end at `begin` (unix seconds) or later.

        Of one that an older org ended, the end of its cycle stands for that.
        """
        marks = ",".join("?" * len(CANDIDATE_ENDED))
        when = ",".join(f"json_extract(record, '$.{name}')" for name in DECIDED)
        query = f"SELECT record FROM candidate WHERE state IN ({marks}) AND coalesce({when}) >= ?"
        rows = self._rows(f"{query} ORDER BY id", *map(str, CANDIDATE_ENDED), begin)
        return [Candidate.model_validate_json(row[0]) for row in rows]

    def has_candidate(self, name: str) -> bool:
        return bool(self._rows("SELECT 1 FROM candidate WHERE id = ?", name))

    def counts(self) -> dict[str, int]:
        """Candidates by state."""
        return dict(self._rows("SELECT state, count(*) FROM candidate GROUP BY state"))

    # Promotions

    def save_promotion(self, promotion: Promotion) -> None:
        self._write(
            "INSERT INTO promotion VALUES (?, ?, ?, ?) ON CONFLICT (id)"
            " DO UPDATE SET state = excluded.state, record = excluded.record",
            promotion.id,
            str(promotion.state),
            promotion.candidate,
            promotion.model_dump_json(),
        )

    def open_promotions(self) -> list[Promotion]:
        marks = ",".join("?" * len(OPEN))
        query = f"SELECT record FROM promotion WHERE state IN ({marks}) ORDER BY rowid"
        rows = self._rows(query, *map(str, OPEN))
        return [Promotion.model_validate_json(row[0]) for row in rows]

    def promotions(self, limit: int) -> list[Promotion]:
        """Newest first."""
        rows = self._rows("SELECT record FROM promotion ORDER BY rowid DESC LIMIT ?", limit)
        return [Promotion.model_validate_json(row[0]) for row in rows]

    def last_promotion(self, state: str | None = None) -> Promotion | None:
        """The newest one, or the newest that is in this state."""
        query = "SELECT record FROM promotion WHERE ? IS NULL OR state = ?"
        rows = self._rows(f"{query} ORDER BY rowid DESC LIMIT 1", state, state)
        return Promotion.model_validate_json(rows[0][0]) if rows else None

    def count_promotions(self, state: str) -> int:
        rows = self._rows("SELECT count(*) FROM promotion WHERE state = ?", state)
        return int(rows[0][0])

    def taken_back(self) -> frozenset[str]:
        """The merge results that were in service, and that a rollback took out of it."""
        back: set[str] = set()
        for merge, former in self._rows(
            "SELECT json_extract(record, '$.merge'), json_extract(record, '$.former')"
            " FROM promotion WHERE state = ? ORDER BY rowid",
            str(State.REVERTED),
        ):
            back = (back | {str(merge)}) - {former}
        return frozenset(back)

    # Goals

    def save_goal(self, goal: Goal) -> None:
        self._write(
            "INSERT INTO goal (id, record) VALUES (?, ?)"
            " ON CONFLICT (id) DO UPDATE SET record = excluded.record",
            goal.id,
            goal.model_dump_json(),
        )

    def goals(self) -> list[Goal]:
        rows = self._rows("SELECT record FROM goal ORDER BY place")
        return [Goal.model_validate_json(row[0]) for row in rows]

    def goal(self, name: str) -> Goal | None:
        rows = self._rows("SELECT record FROM goal WHERE id = ?", name)
        return Goal.model_validate_json(rows[0][0]) if rows else None

    def remove_goal(self, name: str) -> None:
        self._write("DELETE FROM goal WHERE id = ?", name)

    # Events and facts

    def add_event(
        self, at: float, kind: str, candidate: str | None, data: Mapping[str, Any]
    ) -> int:
        with around("journal.event"), self._guarded():
            cursor = self._db.execute(
                "INSERT INTO event (at, kind, candidate, record) VALUES (?, ?, ?, ?)",
                (at, kind, candidate, json.dumps(data)),
            )
            number = int(cursor.lastrowid or 0)
            if number % 1000 == 0:
                self._db.execute("DELETE FROM event WHERE number <= ?", (number - EVENTS_KEPT_MAX,))
            return number

    def events(
        self,
        after: int = 0,
        candidate: str | None = None,
        kind: str | None = None,
        limit: int = EVENTS_PAGE_MAX,
    ) -> list[dict[str, Any]]:
        """Oldest first, at most `limit` after event number `after`."""
        rows = self._rows(
            "SELECT number, at, kind, candidate, record FROM event WHERE number > ?1"
            " AND (?2 IS NULL OR candidate = ?2) AND (?3 IS NULL OR kind = ?3)"
            " ORDER BY number LIMIT ?4",
            after,
            candidate,
            kind,
            limit,
        )
        return [_event(*row) for row in rows]

    def last_events(
        self, limit: int, kind: str | None = None, candidate: str | None = None
    ) -> list[dict[str, Any]]:
        """The newest ones, oldest of them first."""
        rows = self._rows(
            "SELECT number, at, kind, candidate, record FROM event"
            " WHERE (?1 IS NULL OR kind = ?1) AND (?2 IS NULL OR candidate = ?2)"
            " ORDER BY number DESC LIMIT ?3",
            kind,
            candidate,
            limit,
        )
        return [_event(*row) for row in reversed(rows)]

    def fact(self, name: str) -> str | None:
        rows = self._rows("SELECT value FROM fact WHERE name = ?", name)
        return str(rows[0][0]) if rows else None

    def set_fact(self, name: str, value: str | None) -> None:
        if value is None:
            self._write("DELETE FROM fact WHERE name = ?", name)
        else:
            self._write(
                "INSERT INTO fact VALUES (?, ?) ON CONFLICT (name)"
                " DO UPDATE SET value = excluded.value",
                name,
                value,
            )


def _table(query: str) -> str:
    """Of `INSERT INTO <table> …` or `DELETE FROM <table> …`."""
    return query.split(maxsplit=3)[2]


def _event(number: int, at: float, kind: str, candidate: str | None, record: str) -> dict[str, Any]:
    data = json.loads(record)
    return {"number": number, "at": at, "kind": kind, "candidate": candidate, **data}
