"""A power cut of one instance."""

from __future__ import annotations

import contextlib

import psutil

from tests.journeys.instance import Home


def cut_power(home: Home) -> None:
    """Every process of the instance ends at once; only what is on disk is left."""
    for process in home.processes():
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    for process in home.processes():
        with contextlib.suppress(psutil.NoSuchProcess):
            process.wait(10)
