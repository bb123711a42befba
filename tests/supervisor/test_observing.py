"""What is seen between two looks becomes a goal once, with its evidence."""

from __future__ import annotations

from pathlib import Path

from daemon.state.settings import load
from daemon.supervisor.observing import ROUTES_MAX, observe, routes
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
