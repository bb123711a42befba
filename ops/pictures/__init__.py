"""Pictures of an instance as SVG: fitness, lineage, timeline; on the page and as files."""

from __future__ import annotations

from ops.pictures.draw import standalone
from ops.pictures.fitness import durations, heat, outcomes, spending
from ops.pictures.lineage import lineage, strip
from ops.pictures.measures import measure, shade
from ops.pictures.sheet import names, sheet
from ops.pictures.timeline import timeline

__all__ = [
    "durations",
    "heat",
    "lineage",
    "measure",
    "names",
    "outcomes",
    "shade",
    "sheet",
    "spending",
    "standalone",
    "strip",
    "timeline",
]
