"""What serves, what served before, and messages whose trailers cannot be forged."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.core import release
from daemon.core.release import Point

HISTORY = {
    "r0": Point("r0", (), {}),
    "m1": Point("m1", ("r0", "c1"), {release.CANDIDATE: "1"}),
    "m2": Point("m2", ("m1", "c2"), {release.CANDIDATE: "2"}),
    "w1": Point("w1", ("m2",), {release.REVERTS: "m2", release.RESTORES: "m1"}),
    "m3": Point("m3", ("w1", "c3"), {release.CANDIDATE: "3"}),
    "w2": Point("w2", ("m3",), {release.REVERTS: "m3", release.RESTORES: "m2"}),
}


@pytest.mark.parametrize(
    ("main", "serves", "before"),
    [
        ("r0", "r0", None),
        ("m1", "m1", "r0"),
        ("m2", "m2", "m1"),
        ("w1", "m1", "r0"),
        ("m3", "m3", "m1"),
        ("w2", "m2", "m1"),
    ],
)
def test_main_tells_what_serves_and_what_served(main: str, serves: str, before: str | None) -> None:
    """A rollback serves what it restores; its former is the former of that one."""
    assert release.serving(main, HISTORY.__getitem__) == serves
    assert release.former(main, HISTORY.__getitem__) == before


def test_a_circle_of_restores_is_told() -> None:
    """Only tampering makes a circle; it ends with an error, not with a loop."""
    circle = {"a": Point("a", (), {release.RESTORES: "a"})}
    with pytest.raises(release.Tangled):
        release.serving("a", circle.__getitem__)


def test_numbers_continue_from_the_highest() -> None:
    """A deleted or foreign tag never makes a number come back."""
    tags = ["refs/tags/release/0", "refs/tags/release/12", "refs/tags/release/x", "refs/tags/v9"]
    assert release.numbers(tags, release.RELEASE_TAGS) == [0, 12]
    assert release.next_number(tags, release.RELEASE_TAGS) == 13
    assert release.next_number([], release.RELEASE_TAGS) == 0
    assert release.next_number([], release.ROLLBACK_TAGS) == 1


@given(st.text(max_size=400), st.text(max_size=400))
def test_no_goal_can_forge_a_trailer(subject: str, value: str) -> None:
    """Whatever a goal holds, the last paragraph has exactly the trailers that were meant."""
    text = release.message(subject, "", {release.GOAL: value, release.BASE: "b"})
    lines = text.rstrip("\n").split("\n\n")[-1].split("\n")
    assert len(lines) == 2
    assert lines[0].startswith(f"{release.GOAL}: ")
    assert lines[1] == f"{release.BASE}: b"
