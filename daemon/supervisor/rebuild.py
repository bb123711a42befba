"""The journal anew from git, after it was lost: what was promoted, rejected, taken back.

Git keeps every candidate's branch, merge result, scorecard and tag. What only the journal had,
goals that wait and events, is gone with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from daemon.core import release as releases
from daemon.core.candidate import Candidate, Stage
from daemon.core.promotion import Promotion, State
from daemon.supervisor import judge
from daemon.supervisor.cycle import MERGES
from daemon.supervisor.world import World
from ops.history import History
from ops.records import LogEntry

BRANCHES = "refs/heads/cand/"
LOST = "the journal was lost before its end was known"


def rebuild(world: World) -> int:
    """Write down all that git knows; gives how many candidates that are."""
    known = 0
    with world.journal.together():
        for candidate in _candidates(world):
            world.journal.save_candidate(candidate)
            known += 1
        for promotion in _rollbacks(world):
            world.journal.save_promotion(promotion)
            world.journal.set_fact("promotions", promotion.id.removeprefix("p").lstrip("0"))
    return known


def _candidates(world: World) -> Iterator[Candidate]:
    history = world.history
    tags = {oid: ref for ref, oid in history.refs(releases.RELEASE_TAGS).items()}
    merges = _promoted(history) | history.refs(MERGES)
    branches = history.refs(BRANCHES)
    entries = {one.oid: one for one in history.entries([*merges.values(), *branches.values()])}
    for ref, oid in merges.items():
        yield _merged(world, ref.removeprefix(MERGES), entries[oid], tags)
    for ref, oid in branches.items():
        name = ref.removeprefix(BRANCHES)
        if MERGES + name not in merges:
            yield _drafted(name, entries[oid])


def _promoted(history: History) -> dict[str, str]:
    """As refs of merges, also those whose own refs are no longer kept."""
    chain = history.log(f"{releases.FIRST}..{releases.MAIN}")
    made = [entry for entry in chain if releases.CANDIDATE in entry.trailers]
    return {MERGES + entry.trailers[releases.CANDIDATE]: entry.oid for entry in made}


def _merged(world: World, name: str, merge: LogEntry, tags: Mapping[str, str]) -> Candidate:
    card = judge.kept(world, merge.oid)
    release = tags.get(merge.oid)
    stage = Stage.PROMOTED if release else Stage.ABANDONED
    if card is not None and not card.passed:
        stage = Stage.REJECTED
    return Candidate(
        id=name,
        state=stage,
        goal=merge.trailers.get(releases.GOAL, merge.subject),
        created=merge.when,
        base=merge.parents[0],
        head=merge.parents[-1],
        merge=merge.oid,
        release=release.removeprefix("refs/tags/") if release else None,
        scorecard=card.digest() if card else None,
        passed=card.passed if card else None,
        reason=None if release else LOST,
    )


def _drafted(name: str, head: LogEntry) -> Candidate:
    return Candidate(
        id=name,
        state=Stage.ABANDONED,
        goal="not known any more",
        created=head.when,
        base=head.parents[0] if head.parents else head.oid,
        head=head.oid,
        reason=LOST,
    )


def _rollbacks(world: World) -> Iterator[Promotion]:
    refs = world.history.refs(releases.ROLLBACK_TAGS)
    entries = {one.oid: one for one in world.history.entries(list(refs.values()))}
    ordered = sorted(refs.items(), key=lambda item: int(item[0].rsplit("/", 1)[1]))
    for number, (ref, oid) in enumerate(ordered, 1):
        entry = entries[oid]
        yield Promotion(
            id=f"p{number:06d}",
            state=State.REVERTED,
            candidate=None,
            main=entry.parents[0],
            merge=entry.trailers[releases.REVERTS],
            former=entry.trailers[releases.RESTORES],
            rollback=ref.removeprefix("refs/tags/"),
            restoring=oid,
            reason=entry.trailers.get(releases.REASON),
            when=entry.when,
        )
