"""What goes and what stays, over inventories that nobody would write by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.core import release
from daemon.core.release import Point
from daemon.core.upkeep import Item, Limit, Room, plan, returnable

NOW = 1000.0
ITEMS = st.builds(
    Item,
    room=st.sampled_from(Room),
    name=st.text("abc", min_size=1, max_size=3),
    when=st.floats(0, NOW),
    size_bytes=st.integers(0, 100),
    held=st.none() | st.just("it serves"),
)
LISTS = st.lists(ITEMS, max_size=30, unique_by=lambda item: (item.room, item.name))
LIMITS = st.builds(
    Limit,
    count=st.integers(0, 10),
    age_seconds=st.floats(0, NOW),
    size_bytes=st.integers(0, 500),
)
BOUNDS = st.fixed_dictionaries(dict.fromkeys(Room, LIMITS))


def gone(items: list[Item], bounds: dict[Room, Limit]) -> set[Item]:
    return {one.item for one in plan(items, bounds, NOW)}


@given(LISTS, BOUNDS)
def test_what_is_held_never_goes(items: list[Item], bounds: dict[Room, Limit]) -> None:
    """Whatever the limits say."""
    assert all(item.held is None for item in gone(items, bounds))


@given(LISTS, BOUNDS)
def test_what_stays_keeps_the_limits(items: list[Item], bounds: dict[Room, Limit]) -> None:
    """Where anything stays that nobody holds, its whole room is within its limits."""
    left = [item for item in items if item not in gone(items, bounds)]
    for room in Room:
        there = [item for item in left if item.room is room]
        free = [item for item in there if item.held is None]
        if free:
            assert len(there) <= bounds[room].count
            assert sum(item.size_bytes for item in there) <= bounds[room].size_bytes
            assert all(NOW - item.when <= bounds[room].age_seconds for item in free)


@given(LISTS, BOUNDS)
def test_the_oldest_goes_first(items: list[Item], bounds: dict[Room, Limit]) -> None:
    """Nothing that stays without being held is older than something that goes."""
    going = gone(items, bounds)
    for item in items:
        if item not in going and item.held is None:
            newer = [g for g in going if g.room is item.room and g.when > item.when]
            assert newer == []


@given(LISTS, BOUNDS)
def test_twice_is_once(items: list[Item], bounds: dict[Room, Limit]) -> None:
    """What one run leaves, the next one leaves: a run after a crash finds only what was left."""
    going = gone(items, bounds)
    assert gone([item for item in items if item not in going], bounds) == set()


@given(LISTS, BOUNDS, st.integers(0, 5), st.floats(0, 100), st.integers(0, 100))
def test_wider_limits_keep_more(
    items: list[Item], bounds: dict[Room, Limit], count: int, age: float, size: int
) -> None:
    """Nothing goes under wider limits that stays under narrower ones."""
    wider = {
        room: Limit(one.count + count, one.age_seconds + age, one.size_bytes + size)
        for room, one in bounds.items()
    }
    assert gone(items, wider) <= gone(items, bounds)


def test_each_limit_is_named() -> None:
    """Whoever reads the plan sees which limit it was."""
    old = Item(Room.EVIDENCE, "old", 0.0)
    bounds = {Room.EVIDENCE: Limit(1, 10.0, 10)}
    assert [one.why for one in plan([old], bounds, NOW)] == ["age"]
    two = [Item(Room.EVIDENCE, name, NOW) for name in ("a", "b")]
    assert [(one.item.name, one.why) for one in plan(two, bounds, NOW)] == [("b", "count")]
    large = Item(Room.EVIDENCE, "large", NOW, 11)
    assert [one.why for one in plan([large], bounds, NOW)] == ["bytes"]


HISTORY = {
    "r0": Point("r0", (), {}),
    "m1": Point("m1", ("r0", "c1"), {release.CANDIDATE: "1"}),
    "m2": Point("m2", ("m1", "c2"), {release.CANDIDATE: "2"}),
    "w1": Point("w1", ("m2",), {release.REVERTS: "m2", release.RESTORES: "m1"}),
    "m3": Point("m3", ("w1", "c3"), {release.CANDIDATE: "3"}),
}


@pytest.mark.parametrize(
    ("main", "count", "chain"),
    [
        ("r0", 5, ("r0",)),
        ("m3", 5, ("m3", "m1", "r0")),
        ("m3", 0, ("m3", "m1")),
        ("w1", 5, ("m1", "r0")),
    ],
)
def test_what_history_can_return_to(main: str, count: int, chain: tuple[str, ...]) -> None:
    """What serves and its former always; what was taken back is nobody's former."""
    assert returnable(main, HISTORY.__getitem__, count) == chain
