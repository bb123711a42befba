"""Candidates move only along their stages, and their names are unique and sort by time."""

from __future__ import annotations

import itertools

import pytest

from daemon.core.candidate import (
    ENDED,
    NEXT,
    RECORDED,
    Candidate,
    IllegalStage,
    Stage,
    new_id,
)
from daemon.core.goal import Goal


def a_candidate(stage: Stage) -> Candidate:
    return Candidate(id="20261121T000000Z", state=stage, goal="g", created=0, base="b")


@pytest.mark.parametrize(("here", "there"), list(itertools.product(Stage, Stage)))
def test_a_candidate_moves_only_along_the_table(here: Stage, there: Stage) -> None:
    """Every pair is legal by the table or refused as a bug."""
    candidate = a_candidate(here)
    if there in NEXT[here]:
        assert candidate.to(there, reason="r").state is there
    else:
        with pytest.raises(IllegalStage):
            candidate.to(there)


def test_an_ended_candidate_stays_ended() -> None:
    """Nothing leads out of promoted, rejected or abandoned."""
    assert all(not NEXT[stage] for stage in ENDED)


def test_names_of_one_second_differ() -> None:
    """The second candidate of a second gets -2, the third -3."""
    first = new_id(0.0, frozenset())
    second = new_id(0.9, frozenset({first}))
    third = new_id(0.9, frozenset({first, second}))
    assert [first, second, third] == [
        "19700101T000000Z",
        "19700101T000000Z-2",
        "19700101T000000Z-3",
    ]


def test_what_outlives_its_supervisor() -> None:
    """A draft by a live model and all that was drafted; no recorded session."""
    known = {"wish": Goal(id="g", text="g"), "model": "m"}
    for stage in Stage:
        candidate = a_candidate(stage).model_copy(update=known)
        assert candidate.goes_on() == (stage not in ENDED)
        waiting = candidate.model_copy(update={"ended": 1})
        assert waiting.goes_on() == (stage not in (*ENDED, Stage.JUDGED))
        assert not a_candidate(stage).goes_on()
    replayed = a_candidate(Stage.DRAFTING).model_copy(update=known | {"model": RECORDED})
    assert not replayed.goes_on()


def test_a_row_of_a_newer_org_is_read() -> None:
    """What it wrote beside what is known here is passed over."""
    row = a_candidate(Stage.JUDGED).model_dump() | {"mood": "bright"}
    assert Candidate.model_validate(row) == a_candidate(Stage.JUDGED)


def test_the_outcome_speaks_the_words_of_the_contract() -> None:
    """Open is None; a judged one that needs approval says so."""
    assert a_candidate(Stage.DRAFTING).outcome() is None
    assert a_candidate(Stage.PROMOTED).outcome() == "promoted"
    waiting = a_candidate(Stage.JUDGED).model_copy(update={"needs_approval": True})
    assert waiting.outcome() == "awaiting-approval"
