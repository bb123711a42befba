"""A gate that says yes to what it said no to is flaky: it is named, and the no stands.

Every verdict is kept by commit, base and suite: were one of these another, another verdict
would be no wonder. A no that is the machine's own, and none of the candidate's, does not stand.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from fitness.scorecard import Score, Scorecard
from ops.files import write_atomic

VERDICTS = "verdicts"
FILES_MAX = 500
NAMED_MAX = 20
FLAKY = "flaky.json"
REASON_CHARS_MAX = 300


class Flaky(BaseModel):
    """A gate that gave two verdicts on one commit; `reason` is that of its no."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    gate: str
    commit: str
    reason: str


def weigh(
    evidence: Path, card: Scorecard, unjudged: Collection[str] = ()
) -> tuple[Scorecard, tuple[Flaky, ...]]:
    """The card with every earlier no still standing, and the gates that changed their mind.

    Of the `unjudged` gates nothing is kept: they could not look at the candidate.
    """
    folder = evidence / VERDICTS
    folder.mkdir(exist_ok=True)
    kept = folder / f"{card.commit}-{card.base[:12]}-{card.suite[:12]}.json"
    before = {row.name: row for row in map(Score.model_validate, _read(kept))}
    rows = tuple(_standing(row, before.get(row.name)) for row in card.gates)
    found = tuple(
        Flaky(gate=row.name, commit=card.commit, reason=_why(row, before[row.name]))
        for row in card.gates
        if row.name in before and before[row.name].passed != row.passed
        if row.name not in unjudged
    )
    known = {**before, **{row.name: row for row in rows if row.name not in unjudged}}
    _write(kept, [row.model_dump(mode="json") for row in known.values()])
    if found:
        _name(folder, found)
    for old in sorted(folder.glob("*-*.json"), key=lambda path: path.stat().st_mtime)[:-FILES_MAX]:
        old.unlink()
    whole = card.passed and all(row.passed for row in rows)
    return card.model_copy(update={"gates": rows, "passed": whole}), found


def _standing(row: Score, before: Score | None) -> Score:
    if before is None or before.passed or not row.passed:
        return row
    reason = f"flaky: on this very commit it said no before: {_why(row, before)}"
    return row.model_copy(update={"passed": False, "reason": reason})


def _why(row: Score, before: Score) -> str:
    """The reason of the one that said no."""
    bad = row if not row.passed else before
    return bad.reason.removeprefix("flaky: on this very commit it said no before: ")[
        :REASON_CHARS_MAX
    ]


def named(evidence: Path) -> tuple[Flaky, ...]:
    """The gates found flaky lately, newest last."""
    return tuple(map(Flaky.model_validate, _read(evidence / VERDICTS / FLAKY)))


def _name(folder: Path, found: tuple[Flaky, ...]) -> None:
    known = [one for one in named(folder.parent) if one not in found]
    _write(folder / FLAKY, [one.model_dump() for one in (*known, *found)][-NAMED_MAX:])


def _read(path: Path) -> list[object]:
    return list(json.loads(path.read_bytes())) if path.exists() else []


def _write(path: Path, rows: list[dict[str, object]]) -> None:
    write_atomic(path, json.dumps(rows, indent=1).encode())
