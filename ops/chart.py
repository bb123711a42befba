"""Small figures as SVG, without a library, a font or a script of their own."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

from ops import render

WIDTH, BAR, GAP, LABEL = 640, 18, 6, 200
HEIGHT, MARGIN = 160, 24


def bars(title: str, values: Mapping[str, float], unit: str = "") -> str:
    """A horizontal bar for each value, its number beside it."""
    most = max([abs(value) for value in values.values()], default=0.0) or 1.0
    rows = []
    for place, (name, value) in enumerate(values.items()):
        y = MARGIN + 8 + place * (BAR + GAP)
        length = abs(value) / most * (WIDTH - LABEL - 90)
        rows.append(
            f'<text x="{LABEL - 8}" y="{y + 13}" text-anchor="end">{_safe(name)}</text>'
            f'<rect x="{LABEL}" y="{y}" width="{length:.1f}" height="{BAR}"/>'
            f'<text x="{LABEL + length + 6:.1f}" y="{y + 13}">{_figure(value)}{_safe(unit)}</text>'
        )
    height = MARGIN + 16 + len(values) * (BAR + GAP)
    return _svg(title, height, "".join(rows))


def line(title: str, values: Sequence[float], unit: str = "") -> str:
    """A curve over the index, from zero, with its last value."""
    most = max([*values, 0.0]) or 1.0
    step = (WIDTH - 120) / max(1, len(values) - 1)
    points = [
        f"{20 + place * step:.1f},{HEIGHT - 12 - value / most * (HEIGHT - MARGIN - 24):.1f}"
        for place, value in enumerate(values)
    ]
    last = f"{_figure(values[-1])}{_safe(unit)}" if values else "nothing yet"
    inside = (
        f'<polyline points="{" ".join(points)}"/>'
        f'<text x="{WIDTH - 90}" y="{MARGIN + 16}">{last}</text>'
    )
    return _svg(title, HEIGHT, inside)


def _figure(value: float) -> str:
    """A count to its last digit: a million and one is no million."""
    return f"{value:.0f}" if value == int(value) else f"{value:g}"


def _safe(text: str) -> str:
    return html.escape(render.safe(text))


def _svg(title: str, height: int, inside: str) -> str:
    style = (
        "text{font:12px sans-serif;fill:currentColor}rect{fill:#4a7}"
        "polyline{fill:none;stroke:#4a7;stroke-width:2}"
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {WIDTH} {height}"'
        f' width="{WIDTH}" height="{height}"><style>{style}</style>'
        f'<text x="4" y="16">{_safe(title)}</text>{inside}</svg>\n'
    )
