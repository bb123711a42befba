"""What the orchestrator's tests start from."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import httpx
import pytest

from tests.orchestrator.house import House, filled, house, served


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    """A socket that listens, as the supervisor holds one."""
    with socket.create_server(("127.0.0.1", 0), backlog=512) as made:
        yield made


@pytest.fixture(scope="module")
def here() -> Iterator[House]:
    """An instance with something to tell; who needs one with nothing makes its own."""
    with house() as made:
        filled(made)
        yield made


@pytest.fixture(scope="module")
def http(here: House) -> Iterator[httpx.Client]:
    with served(here) as (_, url):
        with httpx.Client(base_url=url, trust_env=False, timeout=20) as client:
            yield client
