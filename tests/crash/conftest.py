"""Homes for the crash tests; short paths, because sockets live below them."""

from __future__ import annotations

from tests.journeys.conftest import home

__all__ = ["home"]
