"""What is done to the history by another hand, verify names; what org did is never blamed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from daemon.core import release as releases
from daemon.supervisor.rebuild import rebuild
from daemon.supervisor.world import World
from ops.history import History
from tests.supervisor.grown import Grown
from tests.supervisor.tampering import TAMPERED, plain_commit, problems, run


@pytest.mark.parametrize(("tamper", "told"), TAMPERED, ids=[one[0].__name__ for one in TAMPERED])
def test_tampering_is_found(made: Grown, tamper: Callable[[Grown], object], told: str) -> None:
    """One sentence that names the commit or the tag; before it, there was nothing to find."""
    assert problems(made) == []
    tamper(made)
    assert told in "\n".join(problems(made))


def test_a_journal_from_git_agrees_with_git(made: Grown) -> None:
    """Also on releases whose branch and merge ref are no longer kept."""
    for ref in run(made, "for-each-ref", "--format=%(refname)", "refs/org/merges").split():
        run(made, "update-ref", "-d", ref)
    made.world.journal.close()
    made.world.layout.journal.unlink()
    assert problems(made) == []
    world = World.open(made.home)
    assert rebuild(world) == 3
    world.journal.close()
    assert problems(made) == []


def test_a_journal_that_cannot_be_read_is_a_problem(made: Grown) -> None:
    """Git is looked at all the same."""
    made.world.journal.close()
    made.world.layout.journal.write_bytes(b"no database at all, but something else")
    plain_commit(made)
    told = problems(made)
    assert "cannot be read" in told[0] and "neither a promotion" in told[1]


def test_it_blames_nothing_that_is_under_way(made: Grown, monkeypatch: pytest.MonkeyPatch) -> None:
    """A transaction moves main and a tag one after the other: a look between them is not taken."""
    whole, torn = History.refs, [True]

    def refs(history: History, *prefixes: str) -> dict[str, str]:
        found = whole(history, *prefixes)
        if releases.MAIN in found and torn and torn.pop():
            found[releases.MAIN] = history.parents(found[releases.MAIN])[0]
        return found

    monkeypatch.setattr(History, "refs", refs)
    assert problems(made) == []
    assert not torn
