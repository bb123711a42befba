"""For all tests: how long an example takes says nothing of whether it is right."""

from __future__ import annotations

import pytest
from hypothesis import settings

from tests.attacks.summary import pytest_runtest_logreport, pytest_terminal_summary

__all__ = ["pytest_runtest_logreport", "pytest_terminal_summary"]

# Each keeps something large between its tests: an instance, an engine, a machine, a model.
BY_ONE_WORKER = ("attack", "docker", "guest", "browser", "model")

settings.register_profile("org", deadline=None)
settings.load_profile("org")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.pluginmanager.hasplugin("xdist"):  # it is what knows the marker
        return
    for item in items:
        if of := next((name for name in BY_ONE_WORKER if item.get_closest_marker(name)), None):
            item.add_marker(pytest.mark.xdist_group(of))
