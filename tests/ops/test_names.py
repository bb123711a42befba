"""A worker without a name gets one of its own, as people have them."""

from __future__ import annotations

from ops.names import HUMAN, fresh
from ops.orgctl.chat import seats_of


def test_names_are_unique_and_go_on() -> None:
    """Also when there are more workers than names."""
    taken: list[str] = []
    for _ in range(3 * len(HUMAN.split())):
        taken.append(fresh(taken))
    assert len(set(taken)) == len(taken)
    assert all(name.isidentifier() and len(name) <= 32 for name in taken)
    assert fresh(["Ada"]) == "alan"


def test_a_model_alone_seats_somebody() -> None:
    """Beside those who were named, and never under their names."""
    seats = seats_of({}, ["ada=big", "small:8b", "python:small:8b"], [])
    assert [(one["name"], one["model"], one["kind"]) for one in seats] == [
        ("ada", "big", "agent"),
        ("alan", "small:8b", "agent"),
        ("alma", "small:8b", "python"),
    ]
