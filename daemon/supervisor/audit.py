"""Check the whole history from git alone: every release, its tag, its card, its chain."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from daemon.core import release as releases
from fitness.scorecard import Scorecard
from ops.errors import Exit, Trouble
from ops.fsck import missing
from ops.history import History
from ops.layout import Layout
from ops.records import LogEntry

LOG_ENTRIES_MAX = 1_000_000


def audit(history: History) -> dict[str, Any]:
    """`{"ok", "releases", "problems"}`; a problem is one sentence naming the commit."""
    main = history.find(releases.MAIN)
    if main is None:
        return {"ok": False, "releases": 0, "problems": ["there is no main"]}
    entries = history.log(main, first_parent=True, limit=LOG_ENTRIES_MAX)
    tagged = {oid: ref for ref, oid in history.refs(releases.RELEASE_TAGS).items()}
    promoted = [entry.oid for entry in entries if releases.CANDIDATE in entry.trailers]
    said = Said(
        tagged,
        history.notes(releases.SCORECARDS, promoted),
        history.tag_messages(releases.RELEASE_TAGS),
    )
    problems = [*missing(history.repo), *_walk(entries, said), *_strays(entries, tagged)]
    return {"ok": not problems, "releases": len(tagged), "problems": problems}


@dataclass(frozen=True)
class Said:
    """All that git says beside main, read at once: a process for each would take minutes."""

    tagged: dict[str, str]  # commit -> its release's ref
    cards: dict[str, str]  # commit -> its scorecard
    messages: dict[str, str]  # ref -> what its tag says


def _walk(entries: tuple[LogEntry, ...], said: Said) -> Iterator[str]:
    trees = {entry.oid: entry.tree for entry in entries}
    for entry in entries:
        if releases.RESTORES in entry.trailers:
            yield from _rollback(entry, trees)
        elif releases.CANDIDATE in entry.trailers:
            yield from _promotion(entry, said)


def _rollback(entry: LogEntry, trees: dict[str, str]) -> Iterator[str]:
    restored = entry.trailers[releases.RESTORES]
    if trees.get(restored) != entry.tree:
        yield f"{entry.oid[:12]} says it restores {restored[:12]} but its tree is another"


def _promotion(entry: LogEntry, said: Said) -> Iterator[str]:
    name = entry.oid[:12]
    if len(entry.parents) != 2:
        yield f"{name} names a candidate but is no merge of one"
    if entry.trailers.get(releases.BASE) not in entry.parents[:1]:
        yield f"{name} was judged on another base than the main it was put on"
    ref = said.tagged.get(entry.oid)
    if ref is None:
        yield f"{name} was promoted but has no release tag"
        return
    text = said.cards.get(entry.oid)
    if text is None:
        yield f"{name} ({ref}) has no scorecard"
        return
    yield from _card(entry, ref, text, said.messages.get(ref, ""))


def _card(entry: LogEntry, ref: str, text: str, message: str) -> Iterator[str]:
    name = entry.oid[:12]
    try:
        card = Scorecard.model_validate_json(text)
    except ValidationError:
        yield f"{name} ({ref}) has a scorecard that cannot be read"
        return
    said = f"{releases.VERDICT}: {card.digest()}"
    if said not in message.splitlines():
        yield f"{name} ({ref}) has a scorecard that its tag does not vouch for"
    if card.commit != entry.oid or not card.passed or not card.complete():
        yield f"{name} ({ref}) has a scorecard that does not accept it"


def _strays(entries: tuple[LogEntry, ...], tagged: dict[str, str]) -> Iterator[str]:
    on_main = {entry.oid for entry in entries}
    for commit, ref in sorted(tagged.items()):
        if commit not in on_main:
            yield f"{ref} names {commit[:12]}, which is not on main"


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="daemon.supervisor.audit")
    parser.add_argument("--home", type=Path, required=True)
    flags = parser.parse_args(argv)
    try:
        found = audit(History(Layout(flags.home).repo))
    except Trouble as trouble:
        print(json.dumps(trouble.as_json()))
        return int(trouble.code)
    print(json.dumps(found))
    return int(Exit.DONE if found["ok"] else Exit.JUDGED_NO)
