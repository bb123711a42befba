"""Budgets: the strictest part counts, and what nobody knows is not nothing."""

from __future__ import annotations

import pytest

from daemon.core.budget import Allowance, Price, Spent, least, left, share, total
from daemon.core.goal import Budget


def test_the_rest_of_a_budget() -> None:
    spent = Spent(tokens=30, money=0.5, wall_seconds=10)
    assert left(Budget(tokens=100, money=2.0), spent) == Budget(tokens=70, money=1.5)
    assert left(Budget(), spent) == Budget()
    assert left(Budget(tokens=30), spent) == "30 of 30 tokens are spent"
    assert left(Budget(wall_seconds=5), spent) == "10 of 5 wall seconds are spent"
    assert left(Budget(money=0.5), spent) == "0.5000 of 0.5000 money are spent"


def test_what_is_spent_is_told_as_people_read_it() -> None:
    """To the token, however many: the last one may be why."""
    spent = Spent(tokens=2_000_120, money=12_345_678.5, wall_seconds=1_234_567.25)
    told = [
        left(limit, spent)
        for limit in (
            Budget(tokens=2_000_000),
            Budget(money=12_000_000),
            Budget(wall_seconds=1_000_000),
        )
    ]
    assert told == [
        "2000120 of 2000000 tokens are spent",
        "12345678.5000 of 12000000.0000 money are spent",
        "1234567.2 of 1000000 wall seconds are spent",
    ]


def test_unknown_money_is_not_zero() -> None:
    """It makes the sum unknown, and a limit on money then allows nothing."""
    unknown = total([Spent(tokens=1, money=1.0), Spent(tokens=1, money=None)])
    assert (unknown.tokens, unknown.money) == (2, None)
    assert left(Budget(money=5), unknown) == "what was spent in money is not known"
    assert left(Budget(tokens=5), unknown) == Budget(tokens=3)


def test_a_share_of_what_is_left() -> None:
    """Those who begin together spend no more than one would; never nothing: that is no limit."""
    rest = Budget(tokens=100, money=3.0, wall_seconds=60.0)
    assert share(rest, 3) == Budget(tokens=33, money=1.0, wall_seconds=20.0)
    assert share(Budget(tokens=2), 3) == Budget(tokens=1)
    assert share(Budget(), 3) == Budget()
    assert share(rest, 1) == rest


def test_the_strictest_of_several() -> None:
    limits = {"cycle": Budget(tokens=10, money=1.0, wall_seconds=3), "day": Budget(tokens=5)}
    found = least({**limits, "goal": Budget(wall_seconds=3)})
    assert found == Allowance(
        budget=Budget(tokens=5, money=1.0, wall_seconds=3),
        whose={"tokens": "day", "money": "cycle", "wall_seconds": "goal"},
    )


@pytest.mark.parametrize(
    ("status", "tokens", "money", "whose"),
    [
        ("tokens", 0, 0.0, "day"),
        ("money", 0, None, "goal"),
        ("time", 0, 0.0, "cycle"),
        ("limit", 5, 0.0, "day"),
        ("limit", 1, 2.0, "goal"),
        ("limit", 1, None, None),
        ("steps", 9, 9.0, None),
    ],
)
def test_whose_limit_ended_an_author(
    status: str, tokens: int, money: float | None, whose: str | None
) -> None:
    """The broker says `limit` of tokens and of money; the disk has no budget."""
    sides = {"cycle": Budget(wall_seconds=3), "day": Budget(tokens=5), "goal": Budget(money=2.0)}
    assert least(sides).ended(status, Spent(tokens=tokens, money=money)) == whose


def test_prices_are_per_million_tokens() -> None:
    assert Price(input=2.0, output=10.0).of(500_000, 100_000) == 2.0
