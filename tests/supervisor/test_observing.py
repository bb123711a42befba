"""What is seen between two looks becomes a goal once, with its evidence."""

from __future__ import annotations

from pathlib import Path

from daemon.state.settings import load
from daemon.supervisor.observing import LOG_BYTES_MAX, ROUTES_MAX, observe, routes
from ops.files import read_tail
from tests.supervisor.grown import grown


def test_a_route_that_slows_down_is_proposed_once(tmp_path: Path) -> None:
    """Each look joins the history; the slow one is then part of what is usual."""
    world = grown(tmp_path, 0, 0).world
    for took in (4.0, 5.0, 6.0):
        assert observe(world, routes({"GET /candidates": (50, took)})) == []
    (goal,) = observe(world, routes({"GET /candidates": (50, 30.0)}))
    assert goal.text == "Make GET /candidates answer as fast as it did"
    assert goal.proposed and "it was 5.0 ms" in str(goal.evidence)
    assert observe(world, routes({"GET /candidates": (50, 30.0)})) == []


def test_the_newest_errors_of_a_long_log_are_seen(tmp_path: Path) -> None:
    """A log is read from its end; what its beginning says is not the same for ever."""
    world = grown(tmp_path, 0, 0).world
    log = world.layout.logs / "current.log"
    log.write_text("OldError: gone\n" * 5 + "all is well\n" * (LOG_BYTES_MAX // 12 + 1))
    with log.open("a") as out:
        out.write("NewError: here\n" * 5)
    assert [goal.text for goal in observe(world, {})] == [
        "Mend what makes current log: NewError: here"
    ]


def test_the_end_of_a_file_begins_with_a_whole_line(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"one\ntwo\nthree\n")
    ends = {size: read_tail(path, size) for size in (99, 14, 13, 7, 6, 5, 0)}
    assert ends == {
        **dict.fromkeys((99, 14), b"one\ntwo\nthree\n"),
        13: b"two\nthree\n",
        7: b"three\n",
        **dict.fromkeys((6, 5, 0), b""),
    }


def test_nothing_is_proposed_when_that_is_off(tmp_path: Path) -> None:
    world = grown(tmp_path, 0, 0).world
    world.settings = load(tmp_path, {"schedule": {"observed": "off"}})
    for took in (4.0, 5.0, 6.0, 30.0):
        assert observe(world, routes({"GET /candidates": (50, took)})) == []


def test_a_program_that_lies_about_its_routes_proposes_nothing(tmp_path: Path) -> None:
    """It is candidate-written code: nonsense is nothing, and its history stays bounded."""
    assert routes("none") == routes({"GET /": "fast"}) == routes({"GET /": (1,)}) == {}
    many = routes({f"GET /{n}" + "x" * 1000: (50, 1.0) for n in range(1000)})
    assert len(many) == ROUTES_MAX and max(map(len, many)) <= 100
    world = grown(tmp_path, 0, 0).world
    for _ in range(5):
        assert observe(world, many) == []
