"""SVG by hand: shapes with classes, so that one style colours them on the page and in a file."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape as escaped

from ops import render

Point = tuple[float, float]
# What the page's own style says, for pictures that stand alone; light, and dark where wanted.
STYLE = """
svg{background:#fbfbf9;font:12px system-ui,"DejaVu Sans",sans-serif}
.t{fill:#20262e}.m{fill:#5b6470}.grid{stroke:#e2e3de;fill:none}.axis{stroke:#b8bcc2;fill:none}
.s-good{stroke:#0a7c58;fill:none}.s-bad{stroke:#b42318;fill:none}.s-cool{stroke:#2558c9;fill:none}
.s-dim{stroke:#8a929d;fill:none}.s-warm{stroke:#9a5b00;fill:none}
.f-good{fill:#0a7c58}.f-bad{fill:#b42318}.f-cool{fill:#2558c9}.f-dim{fill:#8a929d}.f-warm{fill:#9a5b00}
.round{stroke-linecap:round}.band{fill:#2558c9;opacity:.14}.soft{opacity:.55}.faint{opacity:.25}
"""
DARK = """
@media(prefers-color-scheme:dark){svg{background:#12161c}.t{fill:#e6e9ee}.m{fill:#9aa4b2}
.grid{stroke:#262d37}.axis{stroke:#3a4350}.s-good{stroke:#4fd1a1}.s-bad{stroke:#ff8b80}
.s-cool{stroke:#7eaaff}.s-dim{stroke:#768090}.s-warm{stroke:#f2b950}.f-good{fill:#4fd1a1}
.f-bad{fill:#ff8b80}.f-cool{fill:#7eaaff}.f-dim{fill:#768090}.f-warm{fill:#f2b950}
.band{fill:#7eaaff}}
"""
COLOURS = {
    "promoted": "good",
    "rejected": "bad",
    "abandoned": "dim",
    "rolled back": "warm",
}


def escape(said: str) -> str:
    """Harmless as XML too, which holds no control characters even when they are escaped."""
    return escaped(render.safe(said))


def born(name: str) -> str:
    """`21 Nov 05:25` of a candidate's id, which is a time."""
    try:
        return time.strftime("%d %b %H:%M", time.strptime(name[:15], "%Y%m%dT%H%M%S"))
    except ValueError:
        return name


def colour(state: str) -> str:
    return COLOURS.get(state, "cool")


@dataclass
class Canvas:
    """A picture in the making; sizes in user units, about pixels."""

    width: float
    height: float
    title: str
    about: str
    parts: list[str] = field(default_factory=list)

    def line(self, one: Point, other: Point, kind: str, width: float = 1.0) -> None:
        self.path(f"M{n(one[0])} {n(one[1])}L{n(other[0])} {n(other[1])}", kind, width)

    def path(self, path: str, kind: str, width: float = 1.5) -> None:
        self.parts.append(f'<path class="{kind}" stroke-width="{n(width)}" d="{path}"/>')

    def area(self, points: Sequence[Point], kind: str) -> None:
        if points:
            self.parts.append(f'<path class="{kind}" d="{poly(points)}Z"/>')

    def dot(self, at: Point, radius: float, kind: str, said: str = "") -> None:
        told = f"<title>{escape(said)}</title>" if said else ""
        place = f'cx="{n(at[0])}" cy="{n(at[1])}" r="{n(radius)}"'
        self.parts.append(f'<circle class="{kind}" {place}>{told}</circle>')

    def dots(self, places: Sequence[Point], size: float, kind: str) -> None:
        """Many of them as one shape: of each there is nothing more to say than where it lies."""
        if places:
            self.path("".join(f"M{n(x)} {n(y)}h0" for x, y in places), f"{kind} round", size)

    def box(self, at: Point, size: Point, kind: str, said: str = "") -> None:
        told = f"<title>{escape(said)}</title>" if said else ""
        place = f'x="{n(at[0])}" y="{n(at[1])}" width="{n(size[0])}" height="{n(size[1])}"'
        self.parts.append(f'<rect class="{kind}" rx="1.5" {place}>{told}</rect>')

    def text(self, at: Point, said: str, kind: str = "m", anchor: str = "start") -> None:
        place = f'x="{n(at[0])}" y="{n(at[1])}" text-anchor="{anchor}"'
        self.parts.append(f'<text class="{kind}" {place}>{escape(said)}</text>')

    def link(self, to: str, inside: str) -> None:
        self.parts.append(f'<a href="{escape(to)}">{inside}</a>')

    def svg(self) -> str:
        head = f'viewBox="0 0 {n(self.width)} {n(self.height)}"'
        said = f"<title>{escape(self.title)}</title><desc>{escape(self.about)}</desc>"
        space = 'xmlns="http://www.w3.org/2000/svg" role="img"'
        size = f'width="{n(self.width)}" height="{n(self.height)}"'
        return f"<svg {space} {head} {size}>{said}{''.join(self.parts)}</svg>"


def n(value: float) -> str:
    """Short, and the same on every machine."""
    return f"{value:.1f}".removesuffix(".0")


def poly(points: Sequence[Point]) -> str:
    return "M" + "L".join(f"{n(x)} {n(y)}" for x, y in points)


def bend(one: Point, other: Point) -> str:
    """A branch: out of one line, along, into the other."""
    half = (other[0] - one[0]) / 2
    ends = f"{n(one[0] + half)} {n(one[1])} {n(other[0] - half)} {n(other[1])}"
    return f"M{n(one[0])} {n(one[1])}C{ends} {n(other[0])} {n(other[1])}"


def scale(value: float, least: float, most: float, size: float) -> float:
    return 0.0 if most <= least else (value - least) / (most - least) * size


def standalone(svg: str, dark: bool = True) -> str:
    """With its own style, to be a file."""
    head, rest = svg.split(">", 1)
    return f"{head}><style>{STYLE}{DARK if dark else ''}</style>{rest}\n"
