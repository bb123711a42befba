"""For all tests: how long an example takes says nothing of whether it is right."""

from __future__ import annotations

import pytest
from hypothesis import settings

from tests.attacks.summary import pytest_runtest_logreport, pytest_terminal_summary

__all__ = ["pytest_runtest_logreport", "pytest_terminal_summary"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long ones first, so that no worker is left alone with one at the end."""
    items.sort(key=lambda item: item.get_closest_marker("crash") is None)


settings.register_profile("org", deadline=None)
settings.load_profile("org")
