"""The promotion table, whole: every legal pair leads where it says, every other pair is illegal."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.core.promotion import (
    ENDED,
    NEXT,
    OPEN,
    Answer,
    Effect,
    IllegalAnswer,
    Promotion,
    State,
    effect,
    step,
)

LEGAL = {
    (state, answer): to for state, (_, answers) in NEXT.items() for answer, to in answers.items()
}
STEPS_MAX = 20


def test_the_legal_pairs_are_these() -> None:
    """A change of the table is a change of this list, seen by whoever reviews it."""
    assert {(str(s), str(a)): str(t) for (s, a), t in LEGAL.items()} == {
        ("judged", "confirmed"): "confirmed",
        ("judged", "failed"): "rejected",
        ("confirmed", "started"): "ready",
        ("confirmed", "failed"): "rejected",
        ("ready", "refs-moved"): "released",
        ("ready", "failed"): "rejected",
        ("released", "switched"): "serving",
        ("released", "failed"): "reverting",
        ("serving", "settled"): "settled",
        ("serving", "superseded"): "superseded",
        ("serving", "failed"): "reverting",
        ("reverting", "returned"): "returned",
        ("reverting", "failed"): "returned",
        ("reverting", "kept"): "rejected",
        ("returned", "reverted"): "reverted",
    }


@pytest.mark.parametrize(("state", "answer"), list(itertools.product(State, Answer)))
def test_every_pair_is_legal_or_refused(state: State, answer: Answer) -> None:
    """No pair is undefined: the table answers, or the pair is called a bug."""
    if (state, answer) in LEGAL:
        assert step(state, answer) is LEGAL[state, answer]
    else:
        with pytest.raises(IllegalAnswer):
            step(state, answer)


def test_every_state_is_open_or_ended() -> None:
    """An open state has exactly one effect, an ended one has none."""
    assert set(State) == OPEN | ENDED
    assert not OPEN & ENDED
    assert all((effect(state) is None) == (state in ENDED) for state in State)


def test_every_effect_is_used_once() -> None:
    """One effect belongs to one state, so a replay cannot mistake what to do."""
    assert sorted(row[0] for row in NEXT.values()) == sorted(Effect)


def test_main_has_moved_only_where_failure_reverts() -> None:
    """Before the references move a failure rejects; afterwards it must revert, never reject."""
    after = {State.RELEASED, State.SERVING}
    for (state, answer), to in LEGAL.items():
        if answer is Answer.FAILED:
            wanted = State.REVERTING if state in after else State.REJECTED
            assert to is (State.RETURNED if state is State.REVERTING else wanted)


@given(st.data())
def test_every_walk_ends(data: st.DataObject) -> None:
    """Whatever the world answers, a promotion is over after a bounded number of steps."""
    state = data.draw(st.sampled_from([State.JUDGED, State.REVERTING]))
    for _ in range(STEPS_MAX):
        if state in ENDED:
            return
        state = step(state, data.draw(st.sampled_from(sorted(NEXT[state][1]))))
    raise AssertionError(f"still {state} after {STEPS_MAX} steps")


def test_a_promotion_remembers_what_changed() -> None:
    """A step gives a new record; the old one is untouched."""
    old = Promotion(
        id="p1", state=State.JUDGED, candidate="c", main="m", merge="x", former="m", when=1
    )
    new = old.to(Answer.CONFIRMED, release="release/1")
    assert (old.state, old.release) == (State.JUDGED, None)
    assert (new.state, new.release) == (State.CONFIRMED, "release/1")
