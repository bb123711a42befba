"""A newer release brings a newer supervisor: it takes over, or the former one comes back."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.instance import Home, git, running
from tests.load import Load, Streams
from tests.model_server import say, scripted_model, slowly

pytestmark = [pytest.mark.journey, pytest.mark.crash]

DECIDED_SECONDS = 60.0
BACK_SECONDS_MAX = 30.0
LOOK_SECONDS = 0.2
WORDS = "one two three four five six seven eight nine ten " * 20
ASK = b'{"model": "scripted", "stream": true, "messages": [{"role": "user", "content": "count"}]}'
PROCESS = "daemon/supervisor/process.py"
ENTRY = "def main(argv: list[str]) -> int:\n"
HARMLESS = "# a newer supervisor\n"
BROKEN = {
    "crashes": '    raise RuntimeError("boom")\n',
    "ends": "    return 7\n",
    "hangs": "    import threading\n    threading.Event().wait()\n",
    "cannot read the journal": (
        "    from daemon.state import schema\n    schema.connect.__defaults__ = (0, schema.STEPS)\n"
    ),
}


def base_of(model: Any) -> str:
    return f'[model]\nbase = "http://127.0.0.1:{model.server_address[1]}"\n'


def push(home: Home, tmp_path: Path, change: Callable[[str], str]) -> str:
    """A commit of a person's own on main, as nobody serves it yet; gives its id."""
    work = tmp_path / "work"
    git(tmp_path, "clone", "-q", str(home.path / "repo.git"), str(work))
    path = work / PROCESS
    path.write_text(change(path.read_text()))
    git(work, "commit", "-q", "-a", "-m", "change the supervisor")
    git(work, "push", "-q", "origin", "main")
    return git(work, "rev-parse", "HEAD")


def until(seen: Callable[[], bool], seconds: float) -> float:
    """How long it took to be so."""
    began = time.monotonic()
    while not seen():
        assert time.monotonic() - began < seconds, "it never was so"
        time.sleep(LOOK_SECONDS)
    return time.monotonic() - began


def program(home: Home, name: str) -> str:
    """The folder of a program that the keeper knows; empty when there is none."""
    path = home.path / "state" / name
    return Path(json.loads(path.read_text())["root"]).name if path.exists() else ""


def test_a_newer_supervisor_takes_over(home: Home, org_repo: Path, tmp_path: Path) -> None:
    """It runs on trial, then is the good one; no request fails, and current is not restarted.

    Its broker takes over as well, while streams go on through the former one.
    """
    replies = [slowly(0.02, say(WORDS))] * 2000
    with scripted_model(replies) as model, running(home, org_repo, base_of(model)):
        home.ask("down", "--yes")
        commit = push(home, tmp_path, lambda text: text + HARMLESS)
        home.ask("up")
        serving = home.get("/healthz").json()
        assert serving["commit"] == commit
        streams = Streams("/v1/chat/completions", 4, ASK)
        with Load(f"http://127.0.0.1:{home.current}/healthz", 100, streams) as load:
            until(lambda: program(home, "program.json") == commit, DECIDED_SECONDS)
            load.wait_for(100)
        assert (load.failed, load.refused, load.cut) == (0, 0, 0), load.faults
        assert load.streamed > 0
        assert home.get("/healthz").json()["pid"] == serving["pid"]
        assert home.ask("status")["supervisor"]["program"] == commit
        assert program(home, "program-failed.json") == ""


@pytest.mark.parametrize("how", BROKEN)
def test_a_supervisor_that_does_not_hold_is_replaced(
    how: str, home: Home, org_repo: Path, tmp_path: Path
) -> None:
    """Within 30 s the former one supervises again; nobody who is served notices anything."""
    with running(home, org_repo):
        former = home.ask("status")["supervisor"]["program"]
        home.ask("down", "--yes")
        commit = push(home, tmp_path, lambda text: text.replace(ENTRY, ENTRY + BROKEN[how]))
        home.ask("up")
        with Load(f"http://127.0.0.1:{home.current}/healthz", 100) as load:
            until(lambda: program(home, "program-on-trial.json") == commit, DECIDED_SECONDS)
            took = until(lambda: program(home, "program-failed.json") == commit, DECIDED_SECONDS)
            status = home.ask("status")
            load.wait_for(100)
        assert (load.failed, load.refused, load.cut) == (0, 0, 0), load.faults
        assert took < BACK_SECONDS_MAX
        assert status["supervisor"]["program"] == former
        assert commit in status["supervisor"]["failed"]
        assert program(home, "program-on-trial.json") == ""
