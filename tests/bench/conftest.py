"""The benchmarks' goals hold tests of their own, which are not tests of org."""

from __future__ import annotations

collect_ignore = ["goals"]
