"""What the orchestrator's tests start from."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    """A socket that listens, as the supervisor holds one."""
    with socket.create_server(("127.0.0.1", 0), backlog=512) as made:
        yield made
