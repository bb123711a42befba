"""Paired measures: an unchanged candidate is within, a slower one beyond, and noise is admitted."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fitness.pairs import PAIRS_MIN, Estimate, Finding, Pair, estimate, growth

LIMIT = 1.15
measures = st.floats(0.01, 1e6)
many = st.lists(st.tuples(measures, measures), min_size=PAIRS_MIN, max_size=40)


def _noisy(ratio: float, noise: float, count: int, seed: int) -> list[Pair]:
    """Pairs as a busy machine gives them: skewed noise, now and then a stall on either side."""
    luck = random.Random(seed)

    def one(true: float) -> float:
        stall = luck.choice((3.0, 10.0)) if luck.random() < 0.03 else 1.0
        return true * math.exp(abs(luck.gauss(0.0, noise))) * stall

    return [(one(1.0), one(ratio)) for _ in range(count)]


def test_an_unchanged_candidate_is_never_found_beyond() -> None:
    """A thousand measurements, quiet ones and noisy ones: not one of them rejects."""
    for seed in range(1_000):
        noise = (0.01, 0.05, 0.2, 0.5)[seed % 4]
        assert estimate(_noisy(1.0, noise, 12, seed)).against(LIMIT) is not Finding.BEYOND


@pytest.mark.parametrize("ratio", [1.3, 2.0, 10.0])
def test_a_slower_candidate_is_never_found_within(ratio: float) -> None:
    """However noisy: then it is unsure, and more pairs are asked for."""
    for seed in range(1_000):
        noise = (0.01, 0.05, 0.2, 0.5)[seed % 4]
        assert estimate(_noisy(ratio, noise, 12, seed)).against(LIMIT) is not Finding.WITHIN


@pytest.mark.parametrize(("ratio", "wanted"), [(1.0, Finding.WITHIN), (1.3, Finding.BEYOND)])
def test_enough_pairs_make_sure(ratio: float, wanted: Finding) -> None:
    """A quiet machine needs few, a noisy one more."""
    for seed in range(50):
        assert estimate(_noisy(ratio, 0.03, 60, seed)).against(LIMIT) is wanted
        assert estimate(_noisy(ratio, 0.1, 120, seed)).against(LIMIT) is wanted


@given(many)
def test_sides_are_treated_alike(pairs: list[Pair]) -> None:
    """Seen from the other side, the ratio is the inverse, and so are the ends."""
    here = estimate(pairs)
    there = estimate([(candidate, current) for current, candidate in pairs])
    assert there.ratio == pytest.approx(1 / here.ratio)
    assert there.low == pytest.approx(1 / here.high)


@given(many, st.floats(0.01, 100.0), st.randoms())
def test_neither_unit_nor_order_matters(
    pairs: list[Pair], unit: float, luck: random.Random
) -> None:
    """Seconds or milliseconds, first or last: the same estimate."""
    other = [(current * unit, candidate * unit) for current, candidate in pairs]
    luck.shuffle(other)
    assert estimate(other).ratio == pytest.approx(estimate(pairs).ratio)


@given(many)
def test_the_interval_holds_the_estimate(pairs: list[Pair]) -> None:
    """And lies within what was measured."""
    found = estimate(pairs)
    ratios = [candidate / current for current, candidate in pairs]
    assert found.low <= found.ratio * 1.000001
    assert found.ratio <= found.high * 1.000001
    assert min(ratios) <= found.low * 1.000001
    assert found.high <= max(ratios) * 1.000001


@given(st.lists(st.tuples(measures, measures), min_size=1, max_size=PAIRS_MIN - 3))
def test_a_few_pairs_prove_nothing(pairs: list[Pair]) -> None:
    """Whatever they say, the finding is unsure."""
    found = estimate(pairs)
    assert (found.low, found.high) == (0.0, math.inf)
    assert found.against(LIMIT) is Finding.UNSURE
    assert not found.bounded


def test_one_wild_pair_changes_no_finding() -> None:
    """A stall of one side is noise, not a slower candidate."""
    steady = [(1.0, 1.0 + at / 1_000) for at in range(15)]
    assert estimate([*steady, (1.0, 1_000.0)]).against(LIMIT) is Finding.WITHIN


def test_at_the_last_pair_only_what_is_surely_worse_is_rejected() -> None:
    """Over the limit by luck is not enough, and neither is surely worse but within it."""
    assert Estimate(1.3, 1.05, 1.6, 99).shown_worse(LIMIT)
    assert not Estimate(1.3, 0.95, 1.8, 99).shown_worse(LIMIT)
    assert not Estimate(1.1, 1.05, 1.2, 99).shown_worse(LIMIT)


def test_the_estimate_says_how_sure_it_is() -> None:
    """In words that a person reads in a verdict."""
    said = str(Estimate(1.304, 1.28, 1.33, 12))
    assert said == "1.30 times current's (99% sure of 1.28 to 1.33, 12 pairs)"


def test_a_leak_grows_every_round_and_a_cache_only_at_first() -> None:
    """By the median, compared with current's own growth."""
    assert growth([0, 0, 0, 0], [90, 0, 0, 0]) == 0
    assert growth([0, 0, 0, 0], [10, 11, 9, 10]) == 10
    assert growth([9, 10, 10, 11], [10, 11, 9, 10]) == 0
    assert growth([-50, -50, -50], [10, 10, 10]) == 10  # what current gives back excuses nobody
