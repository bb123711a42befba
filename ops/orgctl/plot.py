"""The verb that draws: fitness, lineage or timeline as a file."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated, Any

import typer

from ops.errors import Refused
from ops.orgctl.common import app, ask, say

CANDIDATES_SHOWN = 140
ZOOM = 2  # points of a PNG for each unit of the drawing


class Kind(enum.StrEnum):
    fitness = "fitness"
    lineage = "lineage"
    timeline = "timeline"


@app.command()
def plot(
    what: Kind,
    out: Annotated[Path, typer.Option(help="FILE.svg or FILE.png")],
) -> None:
    """Draw the history: fitness over generations, lineage, or releases over time."""
    if out.suffix not in (".svg", ".png"):
        raise Refused(f"{out.name} is neither .svg nor .png", "name one: --out fitness.svg")
    picture = _picture(what)
    data = picture.encode() if out.suffix == ".svg" else _png(picture)
    out.write_bytes(data)
    if not say({"file": str(out), "bytes": len(data)}):
        print(f"wrote {out} ({len(data)} bytes)")


def _picture(what: Kind) -> str:
    from ops import pictures

    if what is Kind.timeline:
        drawn = pictures.timeline(ask("look.releases")["releases"], ask("look.now")["at"])
    elif what is Kind.lineage:
        rows: list[dict[str, Any]] = ask("look.candidates", limit=CANDIDATES_SHOWN)["candidates"]
        drawn = pictures.lineage(rows, ask("look.releases")["releases"])
    else:
        drawn = pictures.sheet(
            ask("look.states")["states"],
            ask("look.gates")["gates"],
            ask("look.measures")["measures"],
            ask("look.spent"),
        )
    return pictures.standalone(drawn)


def _png(picture: str) -> bytes:
    """Light, for a PNG cannot follow its reader's wish."""
    import resvg_py

    plain = picture.split("@media", 1)
    if len(plain) == 2:  # the drawer knows no media queries
        picture = plain[0] + "</style>" + plain[1].split("</style>", 1)[1]
    return bytes(resvg_py.svg_to_bytes(svg_string=picture, zoom=ZOOM, background="#fbfbf9"))
