"""What the gates measured of each release against the one before it, in the band of its noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ops.pictures.draw import Canvas, scale

Row = Mapping[str, Any]
WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 340.0, 112.0, 34.0, 26.0, 20.0
SHOWN_MAX, BAND_MAX = 40, 14.0
SPREAD_LEAST = 0.1  # about 1, so that what hardly changes looks like it


def measure(rows: Sequence[Row], name: str) -> str:
    """One measure, release by release: below the line is less than the one before took."""
    shown = [one for one in rows if one["name"] == name][-SHOWN_MAX:]
    least = min([1 - SPREAD_LEAST, *(float(one["low"]) for one in shown)])
    most = max([1 + SPREAD_LEAST, *(float(one["high"]) for one in shown)])
    canvas = Canvas(WIDTH, HEIGHT, f"{name}, release by release", f"{len(shown)} releases.")

    def y(ratio: float) -> float:
        return HEIGHT - BOTTOM - scale(ratio, least, most, HEIGHT - TOP - BOTTOM)

    step = (WIDTH - LEFT) / max(8, len(shown))
    canvas.line((LEFT, y(1)), (WIDTH, y(1)), "axis")
    canvas.text((LEFT - 5, y(1) + 4), "1 ×", "m", "end")
    for index, one in enumerate(shown):
        x, wide = LEFT + step * (index + 0.5), min(BAND_MAX, step * 0.7)
        top, bottom = y(float(one["high"])), y(float(one["low"]))
        canvas.box((x - wide / 2, top), (wide, max(1.0, bottom - top)), "band")
        canvas.dot((x, y(float(one["ratio"]))), 2.6, f"f-{shade(one)}", said(one))
    canvas.text((LEFT, 14), name, "t")
    if shown:
        canvas.text((WIDTH, 14), f"{shown[-1]['ratio']:.2f} ×", "m", "end")
        canvas.text((LEFT, HEIGHT - 5), str(shown[0]["release"]))
    if len(shown) > 1:
        canvas.text((WIDTH, HEIGHT - 5), str(shown[-1]["release"]), "m", "end")
    return canvas.svg()


def said(one: Row) -> str:
    band = f"{one['low']:.2f} to {one['high']:.2f}"
    return f"{one['release']}: {one['ratio']:.2f} times the one before ({band})"


def shade(one: Row) -> str:
    """Good and bad only where the whole band is on one side: all else is noise."""
    return "good" if one["high"] < 1 else "bad" if one["low"] > 1 else "dim"
