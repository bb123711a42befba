"""All that there is to see of fitness on one sheet, for a file that stands alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ops.pictures import fitness
from ops.pictures.draw import Canvas
from ops.pictures.measures import measure

Row = Mapping[str, Any]
WIDTH, ACROSS, GAP, HEADING = 1100.0, 3, 22.0, 26.0


def sheet(states: Sequence[Row], gates: Sequence[Row], measures: Sequence[Row], spent: Row) -> str:
    """Figures, outcomes, measures by release, seconds by gate, tokens by improvement."""
    canvas = Canvas(WIDTH, 0, "Fitness", f"{len(states)} candidates.")
    _put(canvas, _figures(states, spent), (fitness.outcomes(states, gates),))
    _put(
        canvas,
        "Each release, in times the one before; the band is the noise",
        [measure(measures, name) for name in names(measures)],
    )
    _put(
        canvas,
        "Seconds of each gate, run by run",
        [fitness.durations(gates, name) for name in names(gates)],
    )
    _put(canvas, "Tokens per improvement", (fitness.spending(states),))
    return canvas.svg()


def names(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(str(one["name"]) for one in rows))


def _figures(states: Sequence[Row], spent: Row) -> str:
    promoted = sum(one["state"] == "promoted" for one in states)
    ended = sum(one["state"] in ("promoted", "rejected", "abandoned") for one in states)
    told = f"{promoted} of {ended} accepted"
    if promoted:
        told += f" ({promoted / ended:.0%}), {sum(one['tokens'] for one in states) / promoted:.0f}"
        told += " tokens each"
    newest = spent["newest"]
    if newest["promoted"] and newest["money"] is not None:
        told += f", money {newest['money'] / newest['promoted']:.2f} each"
    return told


def _put(canvas: Canvas, heading: str, pictures: Sequence[str]) -> None:
    """Below what is there, each in its own frame; nothing where there is nothing to show."""
    if not pictures:
        return
    canvas.text((6, canvas.height + 17), heading, "t")
    canvas.height += HEADING
    wide = (WIDTH - GAP * (ACROSS - 1)) / ACROSS
    for at in range(0, len(pictures), ACROSS):
        row = pictures[at : at + ACROSS]
        for place, one in enumerate(row):
            frame = f'<svg x="{place * (wide + GAP):.1f}" y="{canvas.height:.1f}"'
            canvas.parts.append(one.replace("<svg", frame, 1))
        canvas.height += max(map(_height, row)) + GAP


def _height(svg: str) -> float:
    """As the picture itself says."""
    return float(svg.split('height="', 1)[1].split('"', 1)[0])
