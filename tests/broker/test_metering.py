"""The account of one cell: what calls side by side may spend, at which model's price."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.broker.faults import Fault
from daemon.broker.metering import CHARS_PER_TOKEN, Call, Meter
from daemon.broker.routes import LENGTH_MAX, checked
from daemon.state.prices import full_name
from daemon.state.settings import Model

ASKED = b'{"messages": [], %s}'


def chunk(tokens: int) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"content": "x" * (tokens * CHARS_PER_TOKEN)}}]}


def test_calls_side_by_side_are_too_much_by_one() -> None:
    """All of them say more than was reserved: only the oldest may go on when all is spent."""
    meter = Meter(tokens_max=10_000)
    calls = [meter.begin("m", 4, None) for _ in range(4)]
    with pytest.raises(Fault, match="reserved by calls under way"):
        meter.begin("m", 4, None)
    for call in calls[1:]:
        meter.saw(call, chunk(3_000))
    with pytest.raises(Fault, match="is spent"):
        meter.saw(calls[1], chunk(1_500))
    meter.saw(calls[0], chunk(5_000))
    for call in calls:
        meter.end(call)
    with pytest.raises(Fault, match="is spent"):
        meter.begin("m", 4, 1)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 4_000)), max_size=60))
def test_what_is_spent_is_too_much_by_one_call(said: list[tuple[int, int]]) -> None:
    """Whoever speaks how much in whatever order; nobody limits the length of a reply."""
    meter, calls, longest = Meter(tokens_max=20_000), dict[int, Call](), 0
    for who, tokens in said:
        try:
            call = calls.get(who) or meter.begin("m", 4, None)
            calls[who] = call
            meter.saw(call, chunk(tokens))
        except Fault:
            if who in calls:
                meter.end(calls.pop(who))
        else:
            longest = max(longest, sum(call.cost()))
    for call in calls.values():
        meter.end(call)
    assert meter.total <= 20_000 + longest + max((tokens for _, tokens in said), default=0)


def test_each_call_is_paid_for_by_its_models_price() -> None:
    """Another model than the first is no cheaper for that; one without a price is not asked."""
    meter = Meter(money_max=5.0, prices={"small": (0.0, 0.0), "big/gpt": (10.0, 30.0)})
    for model in ("small", "big/gpt"):
        call = meter.begin(model, 4, 1)
        call.usage = {"prompt_tokens": 100_000, "completion_tokens": 100_000}
        meter.end(call)
    assert meter.money == pytest.approx(4.0)
    with pytest.raises(Fault, match="nobody said what big/x costs"):
        meter.begin("big/x", 4, 1)


def test_money_at_a_price_that_nobody_said_is_not_known() -> None:
    meter = Meter(prices={"small": (1.0, 1.0)})
    for model in ("small", "big"):
        call = meter.begin(model, 4, 1)
        call.usage = {"prompt_tokens": 1, "completion_tokens": 1}
        meter.end(call)
    assert meter.view()["money"] is None


@pytest.mark.parametrize(
    ("limits", "asked"),
    [
        (b'"max_tokens": 7', {"max_tokens": 7}),
        (b'"max_tokens": -1', {}),
        (b'"max_tokens": null', {}),
        (b'"max_tokens": 9, "max_completion_tokens": 1', {"max_completion_tokens": 1}),
        (b'"max_tokens": 1, "max_completion_tokens": 9', {"max_tokens": 1}),
        (b'"max_tokens": -1, "max_completion_tokens": 9', {"max_completion_tokens": 9}),
    ],
)
def test_what_is_asked_for_is_what_is_reserved(limits: bytes, asked: dict[str, int]) -> None:
    assert checked(ASKED % limits) == {"messages": [], **asked}


@pytest.mark.parametrize("length", ["0", "-2", "1.5", "true", '"9"', f"{LENGTH_MAX + 1}", "1e3"])
def test_a_length_that_is_none_is_refused(length: str) -> None:
    with pytest.raises(Fault, match="must be a whole number"):
        checked(ASKED % f'"max_tokens": {length}'.encode())


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ("", "small"),
        ("small", "small"),
        ("other", "other"),
        ("unknown", "small"),
        ("chosen", "chosen"),
        ("big", "big/gpt"),
        ("big/x", "big/gpt"),
        ("big/mini", "big/mini"),
        ("any/x", "any/x"),
    ],
)
def test_the_model_that_answers_has_one_name(asked: str, name: str) -> None:
    """By it the price is found, and whether the cell may ask it."""
    providers = {"big": Model(name="gpt", others=("mini",)), "any": Model()}
    main = Model(name="small", others=("other",))
    assert full_name(asked, main, providers, ("chosen",)) == name
