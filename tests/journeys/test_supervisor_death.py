"""The supervisor may die at any moment: whoever is being served does not notice."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.journeys import service
from tests.journeys.instance import Home, running
from tests.journeys.test_other_repo import GOOD
from tests.load import Load, Streams
from tests.model_server import say, scripted_model, slowly

pytestmark = pytest.mark.journey

WORDS = "one two three four five six seven eight nine ten " * 20
ASK = b'{"model": "scripted", "stream": true, "messages": [{"role": "user", "content": "count"}]}'
DEATHS = 3
WAIT_SECONDS = 60.0


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


def test_a_draft_goes_on_where_its_supervisor_died(home: Home, tmp_path: Path) -> None:
    """Its first step is neither asked for nor done again, and its session still replays."""
    asked, back = threading.Event(), threading.Event()

    def lost(_: object) -> dict[str, Any]:
        asked.set()
        assert back.wait(WAIT_SECONDS)
        return say("nobody hears this")

    replies = [
        say("", write_file={"path": "words.py", "content": GOOD}),
        lost,
        say("", run_tests={}),
        *[say("", done={"summary": "counted words only"})] * 2,
    ]
    with scripted_model(replies) as model:
        base = f'[model]\nbase = "http://127.0.0.1:{model.server_address[1]}"\n'
        base += "[author]\ntokens_max = 500\n"  # one call more than all together take
        with running(home, service.make(tmp_path / "service"), base):
            home.ask("evolve", "--goal", "count words only", "--protocol", "agent")
            assert asked.wait(WAIT_SECONDS)
            before = home.ask("status")
            model.away.set()
            os.kill(before["supervisor"]["pid"], signal.SIGKILL)
            _next(home, before["supervisor"]["pid"])
            assert model.missed.wait(WAIT_SECONDS)
            assert home.ask("status")["cycle"] == before["cycle"]  # it waits for its model
            back.set()  # whoever asked is dead by now
            model.away.clear()
            deadline = time.monotonic() + WAIT_SECONDS
            while (shown := home.ask("show", before["cycle"]["candidate"]))["state"] != "promoted":
                assert time.monotonic() < deadline, shown
                time.sleep(0.1)
            assert home.get("/a/b").json() == {"count": 2}
            steps = home.git("log", "--format=%s", f"cand/{shown['candidate']}", "^release/0")
            assert len(steps.splitlines()) == 1
            home.agrees()
            assert home.ask("replay", shown["candidate"])["same"]
    went_on = model.asked[2]["messages"]
    assert [one["role"] for one in went_on].count("tool") == 1  # the first step's own result
    assert shown["tokens"] == 120 * (len(model.asked) - 1)  # the one cut off told no count


def _next(home: Home, former: int) -> int:
    """The pid of the supervisor that came after `former`."""
    pid: int = home.ask("status")["supervisor"]["pid"]
    assert pid != former
    return pid
