"""A scorecard: complete or not, and the exact text that is hashed."""

from __future__ import annotations

import pytest

from fitness.scorecard import Score, Scorecard


def _score(name: str, passed: bool = True) -> Score:
    return Score(name=name, stage="s", passed=passed, seconds=0.5, reason="ok")


def _card(*scores: Score) -> Scorecard:
    return Scorecard(
        commit="c", base="b", suite="s", expected=("one", "two"), passed=True, gates=scores
    )


@pytest.mark.parametrize(
    ("scores", "complete"),
    [
        ([_score("one"), _score("two")], True),
        ([_score("two"), _score("one")], True),
        ([_score("one")], False),
        ([], False),
        ([_score("one"), _score("two", passed=False)], False),
        ([_score("one"), _score("two"), _score("two")], False),
        ([_score("one"), _score("one")], False),
        ([_score("one"), _score("two"), _score("three")], False),
    ],
)
def test_a_card_is_complete_when_every_gate_passed_once(
    scores: list[Score], complete: bool
) -> None:
    """One missing, failed, doubled or strange row and it is not."""
    assert _card(*scores).complete() is complete


def test_the_digest_is_over_the_exact_text_that_is_kept() -> None:
    """Read back from its text, a card has the same digest; any other row has another."""
    card = _card(_score("one"), _score("two"))
    again = Scorecard.model_validate_json(card.canonical())
    assert again.digest() == card.digest()
    assert _card(_score("one"), _score("two", passed=False)).digest() != card.digest()
