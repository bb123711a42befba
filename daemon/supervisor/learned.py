"""What paid so far: which protocol brings a model to its goals; used, and kept, by the archive."""

from __future__ import annotations

from random import Random

from daemon.core.candidate import ENDED, Candidate, Stage
from daemon.core.goal import Protocol
from daemon.core.selection import Arm, choose
from daemon.state.journal import Journal

LOOKED_BACK_MAX = 300
PRIOR = 4.0  # tries that the size of a model's name is worth
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
    for old in journal.candidates(limit=LOOKED_BACK_MAX):
        fits = old.model == model and kind_of(old) == kind_of(candidate)
        if fits and old.protocol in found and old.state in ENDED - {Stage.ABANDONED}:
            name = Protocol(old.protocol)
            found[name] = found[name].told(old.state is Stage.PROMOTED)
    return list(found.values())


def protocol(journal: Journal, candidate: Candidate, model: str, likely: Protocol) -> Protocol:
    """Chosen by what worked; the candidate's name is the chance, so a replay chooses alike."""
    tried = arms(journal, candidate, model, likely)
    if sum(arm.won + arm.lost for arm in tried) <= 2 * PRIOR:
        return likely
    return Protocol(choose(tried, Random(candidate.id)).name)


def table(journal: Journal) -> list[dict[str, object]]:
    """Model, kind of goal, protocol -> tries, promoted, tokens; for people."""
    rows: dict[tuple[str, str, str], list[int]] = {}
    for old in journal.candidates(limit=LOOKED_BACK_MAX):
        if old.model and old.protocol and old.state in ENDED:
            row = rows.setdefault((old.model, kind_of(old), old.protocol), [0, 0, 0])
            row[0] += 1
            row[1] += old.state is Stage.PROMOTED
            row[2] += old.tokens
    keys = ("model", "kind", "protocol", "tries", "promoted", "tokens")
    return [dict(zip(keys, (*name, *row), strict=True)) for name, row in sorted(rows.items())]
