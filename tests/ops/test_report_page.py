"""A report shows what models wrote without obeying it, and says unknown where nobody knows."""

from __future__ import annotations

from typing import Any

import pytest

from ops import report_page
from ops.errors import Refused
from ops.orgctl.reports import begin

EVIL = "<script>alert(1)</script>\x1b[2J"


def found(**more: Any) -> dict[str, Any]:
    one = {
        "candidate": "c1",
        "goal": "g1",
        "text": EVIL,
        "outcome": "rejected",
        "release": None,
        "reason": EVIL,
        "tokens": 7,
    }
    spent = {"tokens": 7, "money": None, "wall_seconds": 61.0, "cycles": 1}
    return {
        "since": 0.0,
        "until": 60.0,
        "tried": 1,
        "outcomes": {"rejected": 1},
        "candidates": [one],
        "reverted": [],
        "gates": {EVIL: 1},
        "measures": [{"goal": "g1", "before": 2.0, "after": 1.0, "kept": True}],
        "spent": spent,
        "day_limit": {"tokens": 100, "money": None, "wall_seconds": None},
        "saved": {"judgements": 3},
        "needs": [{"what": EVIL, "next": "orgctl approve c1"}],
        **more,
    }


def test_nothing_that_a_model_wrote_is_obeyed() -> None:
    """Neither by a browser nor by a terminal."""
    assert "<script>" not in report_page.page(found())
    assert "\x1b" not in report_page.page(found()) + report_page.text(found())


def test_the_text_tells_it_all() -> None:
    told = report_page.text(found())
    for part in (
        "tried: 1 (1 rejected)",
        "7 tokens of 100 a day, unknown in money",
        "2 · 1 · kept",
    ):
        assert part in told
    assert "orgctl approve c1" in told


def test_a_figure_is_told_to_its_last_digit() -> None:
    one = found()["candidates"][0] | {"tokens": 2_000_120}
    assert ">2000120<" in report_page.page(found(candidates=[one]))


def test_an_empty_night_is_told_too() -> None:
    nothing = found(candidates=[], outcomes={}, gates={}, measures=[], needs=[], tried=0)
    assert "tried: 0" in report_page.text(nothing)
    assert "nothing yet" in report_page.page(nothing)


@pytest.mark.parametrize(("text", "at"), [("12h", 56800.0), ("2 d", -72800.0), ("30s", 99970.0)])
def test_since_is_a_span(text: str, at: float) -> None:
    assert begin(text, 100_000.0) == at


def test_since_is_a_date_or_nothing() -> None:
    assert begin("2026-11-20", 0.0) > 1.7e9
    with pytest.raises(Refused):
        begin("yesterday", 0.0)
