"""The supervisor may die at any moment: whoever is being served does not notice."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.journeys.instance import Home, running
from tests.load import Load, Streams
from tests.model_server import say, scripted_model, slowly

pytestmark = pytest.mark.journey

WORDS = "one two three four five six seven eight nine ten " * 20
ASK = b'{"model": "scripted", "stream": true, "messages": [{"role": "user", "content": "count"}]}'
DEATHS = 3


def test_nobody_notices_the_death_of_the_supervisor(home: Home, org_repo: Path) -> None:
    """Killed three times under load: no request fails, no stream is cut, current is the same."""
    with scripted_model([slowly(0.02, say(WORDS))] * 1000) as model:
        base = f"http://127.0.0.1:{model.server_address[1]}"
        with running(home, org_repo, f'[model]\nbase = "{base}"\n'):
            before = home.ask("status")
            streams = Streams("/v1/chat/completions", 4, ASK)
            url = f"http://127.0.0.1:{home.current}/healthz"
            with Load(url, 100, streams) as load:
                load.wait_for(50)
                supervisor = before["supervisor"]["pid"]
                for _ in range(DEATHS):
                    os.kill(supervisor, signal.SIGKILL)
                    load.wait_for(50)
                    supervisor = _next(home, supervisor)
                    load.wait_for(50)
            assert (load.failed, load.refused, load.cut) == (0, 0, 0), load.faults
            assert load.streamed > 0
            after = home.ask("status")
            assert after["slots"]["current"] == before["slots"]["current"]
            home.agrees()


def _next(home: Home, former: int) -> int:
    """The pid of the supervisor that came after `former`."""
    pid: int = home.ask("status")["supervisor"]["pid"]
    assert pid != former
    return pid
