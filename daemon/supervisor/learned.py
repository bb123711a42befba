"""What paid so far: which model comes to its goals by which protocol and prompts; it is used."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from statistics import mean

from daemon.core.candidate import ENDED, Candidate, Stage
from daemon.core.goal import Protocol
from daemon.core.selection import Arm, choose
from daemon.state.journal import Journal

LOOKED_BACK_MAX = 300
PRIOR = 4.0  # tries that the size of a model's name is worth
OTHER_PROMPTS = 0.25  # what a try with other prompts than those of now says of these
KINDS = ("one file", "open")


def kind_of(candidate: Candidate) -> str:
    """Goals that name their one file ask for other things than open ones."""
    return KINDS[0] if candidate.wish is not None and candidate.wish.module else KINDS[1]


def arms(journal: Journal, candidate: Candidate, model: str, likely: Protocol) -> list[Arm]:
    """One for each protocol; what is likely by the model's size begins ahead."""
    found = {
        one: Arm(one, won=PRIOR * (one is likely), lost=PRIOR * (one is not likely))
        for one in Protocol
    }
    for old in _ended(journal, candidate):
        if old.model == model and old.protocol in found:
            name = Protocol(old.protocol)
            found[name] = found[name].told(old.state is Stage.PROMOTED, _weight(old, candidate))
    return list(found.values())


def models(journal: Journal, candidate: Candidate, wanted: Sequence[str]) -> list[str]:
    """The one to ask first, by what each brought for its tokens; then the others.

    One that was never asked is thought to cost what the others do. A candidate that goes on keeps
    the model that it began with.
    """
    if len(wanted) == 1:
        return list(wanted)
    found = {name: Arm(name, cost=0.0) for name in wanted}
    tries = dict.fromkeys(wanted, 0)
    for old in _ended(journal, candidate):
        if old.model in found:
            arm = found[old.model].told(old.state is Stage.PROMOTED, _weight(old, candidate))
            found[old.model] = replace(arm, cost=arm.cost + old.tokens)
            tries[old.model] += 1
    costs = {name: found[name].cost / number for name, number in tries.items() if number}
    usual = mean(costs.values()) if costs else 0.0
    priced = [replace(arm, cost=costs.get(arm.name, usual)) for arm in found.values()]
    first = candidate.model
    if first not in found:
        first = choose(priced, Random(f"{candidate.id} model")).name
    return [first, *(name for name in wanted if name != first)]


def prompts_of(root: Path) -> str:
    """A name for the prompts of a program's authors: others are another try."""
    digest = hashlib.sha256()
    for path in sorted((root / "daemon/agent/prompts").glob("*.md")):
        digest.update(f"{path.name}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def _ended(journal: Journal, candidate: Candidate) -> Iterator[Candidate]:
    """Former tries of the candidate's kind of goal that came to a verdict."""
    for old in journal.candidates(limit=LOOKED_BACK_MAX):
        if old.state in ENDED - {Stage.ABANDONED} and kind_of(old) == kind_of(candidate):
            yield old


def _weight(old: Candidate, candidate: Candidate) -> float:
    return 1.0 if old.prompts == candidate.prompts else OTHER_PROMPTS


def protocol(journal: Journal, candidate: Candidate, model: str, likely: Protocol) -> Protocol:
    """Chosen by what worked; the candidate's name is the chance, so a replay chooses alike."""
    tried = arms(journal, candidate, model, likely)
    if sum(arm.won + arm.lost for arm in tried) <= 2 * PRIOR:
        return likely
    return Protocol(choose(tried, Random(candidate.id)).name)


def table(journal: Journal) -> list[dict[str, object]]:
    """Model, kind of goal, protocol, prompts -> tries, promoted, tokens; for people."""
    rows: dict[tuple[str, str, str, str], list[int]] = {}
    for old in journal.candidates(limit=LOOKED_BACK_MAX):
        if old.model and old.protocol and old.state in ENDED:
            key = (old.model, kind_of(old), old.protocol, old.prompts or "")
            row = rows.setdefault(key, [0, 0, 0])
            row[0] += 1
            row[1] += old.state is Stage.PROMOTED
            row[2] += old.tokens
    keys = ("model", "kind", "protocol", "prompts", "tries", "promoted", "tokens")
    return [dict(zip(keys, (*name, *row), strict=True)) for name, row in sorted(rows.items())]
