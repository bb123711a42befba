"""An instance that is not up, with a history of releases and of candidates that came to nothing."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from daemon.core import release as releases
from daemon.core.candidate import Candidate, Stage
from daemon.core.promotion import Promotion, State
from daemon.supervisor import birth, signing
from daemon.supervisor.cycle import MERGES
from daemon.supervisor.world import World
from fitness.scorecard import Score, Scorecard
from ops import rescue
from ops.loaded import ROOT
from ops.records import RefChange
from tests.journeys import service


@dataclass
class Grown:
    """`released` are the commits of release/0, release/1, …; `dropped` the rejected candidates."""

    world: World
    released: list[str]
    dropped: list[str]

    @property
    def home(self) -> Path:
        return self.world.layout.home

    def tree(self, commit: str) -> Path:
        return self.world.layout.releases / commit


def grown(folder: Path, promoted: int, rejected: int, settings: str = "") -> Grown:
    """In `folder`/home; every candidate has its branch, merge ref, tree, evidence, workspace."""
    home = folder / "home"
    home.mkdir(parents=True)
    (home / "org.toml").write_text(settings)
    birth.born(home, service.make(folder / "service"), ROOT)
    world = World.open(home)
    signing.begin(world, world.settings.signing)
    made = Grown(world, [world.main()], [])
    for number in range(promoted):
        made.released.append(_candidate(world, f"20260101T{number:06d}Z", number + 1))
    for number in range(rejected):
        name = f"20260201T{number:06d}Z"
        _candidate(world, name, None)
        made.dropped.append(name)
    return made


def copy_of(made: Grown, folder: Path) -> Grown:
    """The same at another place, to be changed."""
    shutil.copytree(made.home, folder / "home", symlinks=True)
    return replace(made, world=World.open(folder / "home"))


def a_history(folder: Path, settings: str = "") -> Grown:
    """release/0 to release/2, a rejected candidate, and a return to release/1 with no daemon."""
    made = grown(folder, promoted=2, rejected=1, settings=settings)
    rescue.rollback(made.world.layout, None)
    made.world.journal.close()
    return made


def opened(made: Grown, folder: Path) -> Iterator[Grown]:
    """A copy for one test."""
    copy = copy_of(made, folder)
    yield copy
    copy.world.journal.close()


def _candidate(world: World, name: str, number: int | None) -> str:
    """Promoted as release/<number>, or rejected; gives its merge."""
    history, main, when = world.history, world.main(), 1_700_000_000 + len(name)
    blob = f"# {name}\n".encode()
    oid = _oid(blob)
    history.write_blobs({oid: blob})
    rows = [(e.mode, e.oid, e.path) for e in history.listing(main) if e.path != "note.py"]
    tree = history.write_tree([*rows, ("100644", oid, "note.py")])
    head = history.commit(tree, [main], f"Change {name}\n", when)
    trailers = {releases.CANDIDATE: name, releases.GOAL: "grow", releases.BASE: main}
    text = releases.message("grow", "", trailers)
    merge = history.commit(tree, [main, head], text, when, signed=True)
    changes = [
        RefChange(f"refs/heads/cand/{name}", head, None),
        RefChange(MERGES + name, merge, None),
    ]
    card = _card(merge, main, number is not None)
    history.note(releases.SCORECARDS, merge, card.canonical())
    if number is not None:
        text = releases.message(f"Release {number}", "", {releases.VERDICT: card.digest()})
        tag = history.tag(f"release/{number}", merge, text, when)
        changes += [RefChange(f"refs/tags/release/{number}", tag, None)]
        changes += [RefChange(releases.MAIN, merge, main)]
        world.journal.save_promotion(
            Promotion(
                id=f"p{number:06d}",
                state=State.SETTLED,
                candidate=name,
                main=main,
                merge=merge,
                former=main,
                verdict=card.digest(),
                release=f"release/{number}",
                when=when,
            )
        )
    history.move(changes)
    for room in (
        world.layout.releases / merge,
        world.layout.candidates / name,
        world.layout.evidence / name,
    ):
        room.mkdir()
        (room / "file").write_text(json.dumps({"of": name}))
    state = Stage.PROMOTED if number is not None else Stage.REJECTED
    known = {"base": main, "head": head, "merge": merge, "created": when}
    world.journal.save_candidate(Candidate(id=name, state=state, goal="grow", **known))
    return merge


def _oid(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def _card(commit: str, base: str, passed: bool) -> Scorecard:
    gate = Score(name="tests", stage="work", passed=passed, seconds=0.1, reason="")
    known = {"suite": "0" * 64, "expected": ("tests",), "gates": (gate,)}
    return Scorecard(commit=commit, base=base, passed=passed, **known)
