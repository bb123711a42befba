"""Check the whole history: every commit on main, its tag, its card, its chain, its signature.

Git alone must tell one story from release/0 on. What the journal remembers must be the same, as
what is forged in git is made to fit together.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from daemon.core import release as releases
from daemon.state.settings import load
from daemon.supervisor.witness import Witness, hear
from fitness.scorecard import Scorecard
from ops.errors import Exit, Trouble
from ops.fsck import broken
from ops.history import History
from ops.layout import Layout
from ops.records import LogEntry
from ops.signing import parted, unproved

LOG_ENTRIES_MAX = 1_000_000
TAGS = releases.RELEASE_TAGS, releases.ROLLBACK_TAGS
LOOKS_MAX = 20  # at refs that keep moving


def audit(layout: Layout) -> dict[str, Any]:
    """`{"ok", "releases", "problems"}`; a problem is one sentence naming the commit or tag.

    Raises Refused when the settings cannot be read.
    """
    history = History(layout.repo)
    # Before git: what the journal knows as done, git has.
    witness = hear(layout.journal, load(layout.home).signing)
    refs = _standing(history)
    problems = [*broken(layout.repo), *witness.problems]
    try:
        problems += _problems(history, refs, witness)
    except Trouble as trouble:  # an object that is missing ends the walk
        problems.append(trouble.message)
    count = sum(ref.startswith(releases.RELEASE_TAGS) for ref in refs)
    return {"ok": not problems, "releases": count, "problems": problems}


def _standing(history: History) -> dict[str, str]:
    """main and the tags of one moment: a transaction moves them one after the other."""
    seen = history.refs(releases.MAIN, *TAGS)
    for _ in range(LOOKS_MAX):
        before, seen = seen, history.refs(releases.MAIN, *TAGS)
        if before == seen:
            break
    return seen


@dataclass(frozen=True)
class Said:
    """All that is said beside main, read at once: a process for each would take minutes."""

    witness: Witness
    named: Mapping[str, str]  # full ref of a tag -> its commit
    tags: Mapping[str, bytes]  # full ref -> the tag object
    cards: Mapping[str, str]  # commit -> its scorecard
    refs: dict[str, list[str]] = field(default_factory=dict)  # commit -> its tags

    def message(self, ref: str) -> str:
        text = parted(self.tags.get(ref, b""))[0].decode("utf-8", "replace")
        return text.split("\n\n", 1)[-1]


def _problems(history: History, refs: dict[str, str], witness: Witness) -> Iterator[str]:
    named = {ref: oid for ref, oid in refs.items() if ref != releases.MAIN}
    if releases.MAIN not in refs:
        yield "there is no main"
        return
    adopted = refs.get(releases.FIRST)
    if adopted is None:
        yield f"there is no {releases.FIRST}"
        return
    first, *chain = _chain(history, adopted, refs[releases.MAIN])
    if first.oid != adopted:
        yield f"main does not stand on {releases.FIRST} ({adopted[:12]}) by its first parents"
        return
    promoted = [entry.oid for entry in chain if releases.CANDIDATE in entry.trailers]
    cards = history.notes(releases.SCORECARDS, promoted)
    said = Said(witness, named, history.tags(*TAGS), cards)
    for ref, oid in sorted(named.items()):
        said.refs.setdefault(oid, []).append(ref)
    yield from _walk(first, chain, said)
    yield from _strays({first.oid, *(entry.oid for entry in chain)}, said)
    if witness.since is not None:
        yield from _signatures(history, [first, *chain], said)


def _chain(history: History, first: str, main: str) -> list[LogEntry]:
    """main's first parents above `first`, and what they stand on before them; oldest first."""
    above = history.log(f"{first}..{main}", limit=LOG_ENTRIES_MAX)
    below = above[-1].parents[:1] if above else (main,)
    return [*history.entries(below), *reversed(above)]


def _walk(first: LogEntry, chain: list[LogEntry], said: Said) -> Iterator[str]:
    trees = {first.oid: first.tree}  # of the releases so far
    for entry in chain:
        if releases.RESTORES in entry.trailers:
            yield from _restore(entry, trees, said)
        elif releases.CANDIDATE in entry.trailers:
            yield from _promotion(entry, said)
            trees[entry.oid] = entry.tree
        else:
            yield f"{entry.oid[:12]} is on main, and neither a promotion nor a return to a release"


def _restore(entry: LogEntry, trees: Mapping[str, str], said: Said) -> Iterator[str]:
    name, restored = entry.oid[:12], entry.trailers[releases.RESTORES]
    if trees.get(restored) != entry.tree:
        yield f"{name} says it restores {restored[:12]} but its tree is another"
    if len(entry.parents) != 1 or entry.trailers.get(releases.REVERTS) not in trees:
        yield f"{name} restores a release, but does not leave one"
    ref = _own_tag(entry, releases.ROLLBACK_TAGS, said)
    if ref is None:
        yield f"{name} restores a release but has no rollback tag"
    elif f"{releases.RESTORES}: {restored}" not in said.message(ref).splitlines():
        yield f"{name} ({ref}) restores another release than its tag says"


def _promotion(entry: LogEntry, said: Said) -> Iterator[str]:
    name, candidate = entry.oid[:12], entry.trailers[releases.CANDIDATE]
    if len(entry.parents) != 2:
        yield f"{name} names a candidate but is no merge of one"
    if entry.trailers.get(releases.BASE) not in entry.parents[:1]:
        yield f"{name} was judged on another base than the main it was put on"
    merges = said.witness.merges
    if merges is not None and merges.get(candidate) != entry.oid:
        yield f"{name} is not what the journal knows of candidate {candidate}"
    ref = _own_tag(entry, releases.RELEASE_TAGS, said)
    if ref is None:
        yield f"{name} was promoted but has no release tag"
        return
    text = said.cards.get(entry.oid)
    if text is None:
        yield f"{name} ({ref}) has no scorecard"
        return
    yield from _card(entry, ref, text, said.message(ref))


def _own_tag(entry: LogEntry, prefix: str, said: Said) -> str | None:
    """The one of its kind that names it; the others are strays."""
    return next((ref for ref in said.refs.get(entry.oid, ()) if ref.startswith(prefix)), None)


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


def _strays(on_main: set[str], said: Said) -> Iterator[str]:
    """Tags that are not where they were put."""
    for ref, commit in sorted(said.named.items()):
        tagged = f"\ntag {ref.removeprefix('refs/tags/')}\n".encode()
        if tagged not in said.tags.get(ref, b"").partition(b"\n\n")[0] + b"\n":
            yield f"{ref} is no tag that org made by this name"
        if commit not in on_main:
            yield f"{ref} names {commit[:12]}, which is not on main"
        if len(said.refs[commit]) > 1:
            yield f"{ref} names {commit[:12]}, which has another tag"
    for ref, commit in sorted((said.witness.tags or {}).items()):
        found = said.named.get(ref)
        if found != commit:
            there = f"names {found[:12]}" if found else "is gone"
            yield f"{ref} {there}, and the journal knows it on {commit[:12]}"


def _signatures(history: History, chain: list[LogEntry], said: Said) -> Iterator[str]:
    """Everything above the main on which signing began has a good one."""
    oids = [entry.oid for entry in chain]
    since = said.witness.since
    if since not in oids:
        yield f"signing began on {str(since)[:12]}, which is not on main"
        return
    asked = oids[oids.index(since) + 1 :]
    objects = dict(zip((oid[:12] for oid in asked), history.blobs(asked), strict=True))
    for oid in asked:
        objects |= {ref: said.tags.get(ref, b"") for ref in said.refs.get(oid, ())}
    for name in unproved(objects, said.witness.keys):
        yield f"{name} is not signed by a key that is allowed to"


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="daemon.supervisor.audit")
    parser.add_argument("--home", type=Path, required=True)
    flags = parser.parse_args(argv)
    try:
        found = audit(Layout(flags.home))
    except Trouble as trouble:
        print(json.dumps(trouble.as_json()))
        return int(trouble.code)
    print(json.dumps(found))
    return int(Exit.DONE if found["ok"] else Exit.JUDGED_NO)
