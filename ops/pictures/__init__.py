"""Pictures of an instance as SVG: fitness, lineage, timeline; on the page and as files."""

from __future__ import annotations

from ops.pictures.draw import standalone
from ops.pictures.fitness import durations, heat, outcomes, spending
from ops.pictures.lineage import lineage, strip
from ops.pictures.timeline import timeline

__all__ = [
    "durations",
    "heat",
    "lineage",
    "outcomes",
    "spending",
    "standalone",
    "strip",
    "timeline",
]
