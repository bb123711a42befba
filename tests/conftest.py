"""For all tests: how long an example takes says nothing of whether it is right."""

from __future__ import annotations

from hypothesis import settings

from tests.attacks.summary import pytest_runtest_logreport, pytest_terminal_summary

__all__ = ["pytest_runtest_logreport", "pytest_terminal_summary"]

settings.register_profile("org", deadline=None)
settings.load_profile("org")
