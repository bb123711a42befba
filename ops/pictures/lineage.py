"""Lineage: main with its releases, and what grew from which of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from ops.pictures.draw import Canvas, Point, bend, colour, n

Row = Mapping[str, Any]
STEP, MARGIN, MAIN_Y, HEIGHT = 17.0, 92.0, 46.0, 152.0
LANES = {"promoted": MAIN_Y, "rejected": 104.0, "abandoned": 134.0}
OPEN_Y = 76.0
SHOWN_MAX = 140
STRIP_HEIGHT, STRIP_MAX, DOT = 150.0, 10_000, 3.3


def lineage(candidates: Sequence[Row], releases: Sequence[Row]) -> str:
    """Candidates newest first, releases newest first; the newest SHOWN_MAX are drawn."""
    shown = list(reversed(candidates[:SHOWN_MAX]))
    width = MARGIN * 2 + STEP * max(20, len(shown))
    about = f"{len(shown)} candidates; those that were promoted lie on the upper line."
    canvas = Canvas(width, HEIGHT, "Lineage", about)
    canvas.line((MARGIN - 20, MAIN_Y), (width - 20, MAIN_Y), "s-good", 2)
    for name, y in (("main", MAIN_Y), ("open", OPEN_Y), *list(LANES.items())[1:]):
        canvas.text((6, y + 4), name)
    places = _places(shown, releases)
    for index, one in enumerate(shown):
        _draw(canvas, one, MARGIN + STEP * (index + 0.5), places)
    _rollbacks(canvas, releases, places)
    return canvas.svg()


def _places(shown: Sequence[Row], releases: Sequence[Row]) -> dict[str, float]:
    """Commit of a release -> where it lies on the line; those before all that is shown: left."""
    places = {str(one["commit"]): MARGIN - 12 for one in releases}
    for index, one in enumerate(shown):
        if one["state"] == "promoted" and one.get("merge"):
            places[str(one["merge"])] = MARGIN + STEP * (index + 0.5)
    for newer, one in reversed(list(pairwise(releases))):
        if newer["kind"] == "rollback":  # it lies behind the release that it left
            places[str(newer["commit"])] = places[str(one["commit"])] + STEP / 3
    return places


def _draw(canvas: Canvas, one: Row, x: float, places: Mapping[str, float]) -> None:
    state = str(one["state"])
    y, shade = LANES.get(state, OPEN_Y), colour(state)
    start: Point = (min(places.get(str(one.get("base")), x - STEP), x - 6), MAIN_Y)
    if y != MAIN_Y:
        canvas.path(bend(start, (x, y)), f"s-{shade} faint", 1.1)
    said = f"{one['candidate']}: {state}\n{one['goal']}"
    canvas.dot((x, y), 5.2 if y == MAIN_Y else 3.8, f"f-{shade}", said)
    if one.get("release"):
        canvas.text((x, MAIN_Y - 12), str(one["release"]).removeprefix("release/"), "t", "middle")


def _rollbacks(canvas: Canvas, releases: Sequence[Row], places: Mapping[str, float]) -> None:
    by_tag = {one["tag"]: one for one in releases}
    for newer, one in pairwise(releases):
        if newer["kind"] != "rollback":
            continue
        back, left = by_tag.get(newer["restores"]), places.get(str(one["commit"]))
        to = places.get(str(back["commit"])) if back else None
        if left is None or to is None or left <= to:
            continue
        arc = f"M{n(left)} {n(MAIN_Y - 6)}C{n(left)} 4 {n(to)} 4 {n(to)} {n(MAIN_Y - 6)}"
        canvas.path(arc, "s-warm", 1.6)
        canvas.text((left - 3.5, MAIN_Y + 4), "✗", "f-warm")


def strip(states: Sequence[Row], width: float = 1100.0) -> str:
    """Every candidate there ever was as a dot, oldest first: a handful of paths, for any number."""
    states = states[-STRIP_MAX:]
    step = max(DOT, min(12.0, (width * STRIP_HEIGHT / max(1, len(states))) ** 0.5))
    rows = max(1, -(-len(states) // int(width // step)))
    height = rows * step + 4
    ends = {
        state: sum(one["state"] == state for one in states) for state in ("promoted", "rejected")
    }
    about = f"{len(states)} candidates: {ends['promoted']} promoted, {ends['rejected']} rejected."
    canvas = Canvas(width, height, "All candidates", about)
    by_colour: dict[str, list[Point]] = {}
    for index, one in enumerate(states):
        place = (4 + (index // rows) * step, 2 + step / 2 + (index % rows) * step)
        by_colour.setdefault(colour(str(one["state"])), []).append(place)
    for shade, places in by_colour.items():
        canvas.dots(places, step * 0.78, f"s-{shade}{' soft' if shade != 'good' else ''}")
    return canvas.svg()
