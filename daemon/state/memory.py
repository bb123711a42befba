"""What is remembered: short texts with their origin, found by their words and by their meaning.

Search adds two measures. Meaning is the cosine of two vectors. Words is the share of the
query's words that the text holds, each counting by how rare it is; squared, so that one
common word moves nothing while an identifier that fits wholly comes first.
"""

from __future__ import annotations

import math
import re
import sqlite3
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from daemon.state import embedding
from ops.errors import Exit, Failed, Refused
from ops.masking import Mask, mask_at

SCHEMA = 1
BUSY_SECONDS = 10.0
TEXT_CHARS_MAX = 4_000
ENTRIES_MAX = 100_000
FOUND_MAX = 50
QUERY_WORDS_MAX = 32
WORDS_WEIGHT = 0.3  # of words beside meaning
MEANING_MIN = 0.2  # below this two texts have nothing to do with each other
WORD = re.compile(r"\w+")
COMMON = Path(__file__).parent / "common_words.txt"
TABLES = """
CREATE TABLE memory (
    number INTEGER PRIMARY KEY AUTOINCREMENT, text TEXT UNIQUE NOT NULL, origin TEXT NOT NULL,
    at REAL NOT NULL, model TEXT NOT NULL, vector BLOB NOT NULL) STRICT;
CREATE VIRTUAL TABLE words USING fts5(
    text, content='memory', content_rowid='number', tokenize='porter unicode61');
CREATE TRIGGER memory_added AFTER INSERT ON memory BEGIN
    INSERT INTO words (rowid, text) VALUES (new.number, new.text); END;
CREATE TRIGGER memory_removed AFTER DELETE ON memory BEGIN
    INSERT INTO words (words, rowid, text) VALUES ('delete', old.number, old.text); END
"""
Way = Literal["both", "text", "vectors"]


class Memory(BaseModel):
    """One thing that is remembered; `origin` says who wrote it down and where."""

    model_config = ConfigDict(frozen=True)
    id: str
    text: str
    origin: str
    at: float
    score: float | None = None


@dataclass
class Memories:
    """Those of one instance; `clock` gives unix seconds."""

    db: sqlite3.Connection
    mask: Mask
    clock: Callable[[], float] = time.time

    @classmethod
    def open(cls, path: Path) -> Memories:
        """Raises Failed for a file that is none of ours, Refused for one of a newer org."""
        try:
            db = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
            path.chmod(0o600)
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
            _prepare(db, path)
        except sqlite3.Error as error:
            text = f"the memory {path} cannot be opened: {error}"
            raise Failed(text, f"restore a backup, or move {path} aside") from error
        return cls(db, mask_at(path.parent))

    def close(self) -> None:
        self.db.close()

    def store(self, text: str, origin: str) -> Memory:
        """Kept once this returns; what is remembered already stays as it was. Raises Refused.

        Secrets are masked.
        """
        text = self.mask(text.strip())
        if not text:
            raise Refused("there is nothing to remember", "say it")
        if len(text) > TEXT_CHARS_MAX:
            raise Refused(f"more than {TEXT_CHARS_MAX} characters", "remember what matters of it")
        if self._count() >= ENTRIES_MAX:
            raise Refused(f"{ENTRIES_MAX} things are remembered", "forget some first")
        if known := self._rows("WHERE text = ?", text):
            return known[0]
        vector = embedding.embed([text])[0].astype("<f4").tobytes()
        self.db.execute(
            "INSERT INTO memory (text, origin, at, model, vector) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (text) DO NOTHING",
            (text, origin, self.clock(), embedding.NAME, vector),
        )
        return self._rows("WHERE text = ?", text)[0]

    def newest(self, limit: int = FOUND_MAX) -> list[Memory]:
        return self._rows("ORDER BY number DESC LIMIT ?", limit)

    def forget(self, name: str) -> Memory:
        """What was forgotten. Raises Refused when nothing is called so."""
        number = name.removeprefix("m")
        found = self._rows("WHERE number = ?", int(number)) if number.isdecimal() else []
        if not found:
            raise Refused(f"no memory {name}", "see: orgctl memory list", Exit.ABSENT)
        self.db.execute("DELETE FROM memory WHERE number = ?", (int(number),))
        return found[0]

    def search(self, query: str, limit: int = 5, way: Way = "both") -> list[Memory]:
        """The best first; nothing when nothing fits."""
        meaning = self._meaning(query) if way != "text" else {}
        words = self._words(query) if way != "vectors" else {}
        near = {number for number, cosine in meaning.items() if cosine >= MEANING_MIN}
        scores = {
            number: meaning.get(number, 0.0) + WORDS_WEIGHT * words.get(number, 0.0) ** 2
            for number in near | words.keys()
        }
        best = sorted(scores, key=lambda number: (-scores[number], number))[: min(limit, FOUND_MAX)]
        marks = ",".join("?" * len(best))
        rows = {int(one.id[1:]): one for one in self._rows(f"WHERE number IN ({marks})", *best)}
        return [
            rows[number].model_copy(update={"score": round(scores[number], 4)})
            for number in best
            if number in rows
        ]

    def _meaning(self, query: str) -> Mapping[int, float]:
        """Cosines of the query with all entries."""
        import numpy

        self._embed_anew()
        found = self.db.execute("SELECT number, vector FROM memory").fetchall()
        if not found:
            return {}
        raw = b"".join(vector for _, vector in found)
        matrix = numpy.frombuffer(raw, "<f4").reshape(len(found), -1)
        cosines = matrix @ embedding.embed([query])[0]
        return dict(zip((number for number, _ in found), cosines.tolist(), strict=True))

    def _embed_anew(self) -> None:
        """Vectors of another model say nothing to this one."""
        query = "SELECT number, text FROM memory WHERE model != ?"
        for number, text in self.db.execute(query, (embedding.NAME,)).fetchall():
            vector = embedding.embed([text])[0].astype("<f4").tobytes()
            self.db.execute(
                "UPDATE memory SET model = ?, vector = ? WHERE number = ?",
                (embedding.NAME, vector, number),
            )

    def _words(self, query: str) -> Mapping[int, float]:
        """The share of the query's words, by rarity, that each entry holds; 1 is all of them."""
        every = self._count()
        found: dict[int, float] = {}
        whole = 0.0
        for word in _telling(query):
            hits = self.db.execute("SELECT rowid FROM words WHERE words MATCH ?", (f'"{word}"',))
            numbers = [number for (number,) in hits]
            rarity = math.log(1 + (every - len(numbers) + 0.5) / (len(numbers) + 0.5))
            whole += rarity
            for number in numbers:
                found[number] = found.get(number, 0.0) + rarity
        return {number: share / whole for number, share in found.items()}

    def _count(self) -> int:
        return int(self.db.execute("SELECT count(*) FROM memory").fetchone()[0])

    def _rows(self, where: str, *values: Any) -> list[Memory]:
        query = f"SELECT number, text, origin, at FROM memory {where}"
        return [
            Memory(id=f"m{number}", text=text, origin=origin, at=at)
            for number, text, origin, at in self.db.execute(query, values)
        ]


def _telling(query: str) -> list[str]:
    """The words worth looking for; all of them when none is."""
    words = list(dict.fromkeys(WORD.findall(query.lower())))
    return ([word for word in words if word not in _common()] or words)[:QUERY_WORDS_MAX]


@cache
def _common() -> frozenset[str]:
    return frozenset(COMMON.read_text(encoding="utf-8").split())


def _prepare(db: sqlite3.Connection, path: Path) -> None:
    found: int = db.execute("PRAGMA user_version").fetchone()[0]
    if found > SCHEMA:
        text = f"{path} was written by a newer org (schema {found})"
        raise Refused(text, "run the newer org, or name another home with --home")
    if found == 0:
        db.executescript(f"BEGIN IMMEDIATE; {TABLES}; PRAGMA user_version = {SCHEMA}; COMMIT")
