"""What else than git's history knows of it: the journal's records, and the keys that sign."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from daemon.core.promotion import State
from daemon.state.schema import BUSY_SECONDS
from daemon.state.sections import Signing
from daemon.supervisor.signing import OFF, SINCE
from ops.errors import Trouble
from ops.signing import Signer

CANDIDATES = "SELECT id, json_extract(record, '$.merge') FROM candidate"
PROMOTIONS = """
SELECT state, json_extract(record, '$.release'), json_extract(record, '$.merge'),
       json_extract(record, '$.rollback'), json_extract(record, '$.restoring') FROM promotion
"""
FACT = "SELECT value FROM fact WHERE name = ?"
MOVED = frozenset(  # the states of a promotion whose main and tag have moved
    (State.RELEASED, State.SERVING, State.SETTLED, State.SUPERSEDED, State.REVERTED)
)


@dataclass(frozen=True)
class Witness:
    """`merges` is None where there is no journal to ask."""

    merges: Mapping[str, str | None] | None = None  # candidate -> what was judged of it
    tags: Mapping[str, str] | None = None  # full ref -> the commit that it was put on
    keys: tuple[str, ...] = ()
    since: str | None = None  # all above this commit is signed by one of the keys
    problems: tuple[str, ...] = ()


def hear(journal: Path, signing: Signing) -> Witness:
    """What cannot be asked is a problem; the others are heard all the same."""
    problems: list[str] = []
    keys = list(signing.allowed)
    if signing.key:
        try:
            keys.append(Signer(Path(signing.key)).public())
        except Trouble as trouble:
            problems.append(trouble.message)
    if not journal.exists():
        return Witness(problems=tuple(problems))
    try:
        with contextlib.closing(sqlite3.connect(journal, timeout=BUSY_SECONDS)) as db:
            merges = dict(db.execute(CANDIDATES).fetchall())
            promotions = db.execute(PROMOTIONS).fetchall()
            since = db.execute(FACT, (SINCE,)).fetchone()
    except sqlite3.Error as error:
        return Witness(problems=(*problems, f"the journal {journal} cannot be read: {error}"))
    asked = bool(signing.key) and since is not None and since[0] != OFF
    begun = str(since[0]) if asked else None
    return Witness(merges, _tags(promotions), tuple(keys), begun, tuple(problems))


def _tags(promotions: list[tuple[str | None, ...]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for state, release, merge, rollback, restoring in promotions:
        if state not in MOVED:
            continue
        if release and merge:
            found[f"refs/tags/{release}"] = merge
        if state == State.REVERTED and rollback and restoring:
            found[f"refs/tags/{rollback}"] = restoring
    return found
