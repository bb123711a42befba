"""An instance carried to another folder, as to another machine, goes on there with its work."""

from __future__ import annotations

import shutil
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.journeys import service
from tests.journeys.instance import Home, running
from tests.journeys.power import cut_power
from tests.journeys.test_other_repo import GOOD
from tests.model_server import say, scripted_model

pytestmark = pytest.mark.journey
WAIT_SECONDS = 60.0


def test_an_author_goes_on_in_another_home(home: Home, tmp_path: Path) -> None:
    """Killed with all else while its model spoke: its first step is not done again, its end is."""
    asked, back = threading.Event(), threading.Event()

    def lost(_: dict[str, Any]) -> bytes:
        asked.set()
        back.wait(WAIT_SECONDS)
        return b""

    replies = [
        say("", write_file={"path": "words.py", "content": GOOD}),
        lost,
        say("", run_tests={}),
        *[say("", done={"summary": "counted words only"})] * 2,
    ]
    there = Home(home.path.parent / "elsewhere" / "home", home.current, home.candidate)
    with scripted_model(replies) as model:
        base = f'[model]\nbase = "http://127.0.0.1:{model.server_address[1]}"\n'
        with running(home, service.make(tmp_path / "service"), base):
            begun = home.ask("evolve", "--goal", "count words only", "--protocol", "agent")
            assert asked.wait(WAIT_SECONDS)
            cut_power(home)
            there.path.parent.mkdir()
            shutil.copytree(home.path, there.path, symlinks=True, ignore=_sockets)
            shutil.rmtree(home.path)
            back.set()
            try:
                there.ask("up")
                deadline = time.monotonic() + WAIT_SECONDS
                while (shown := there.ask("show", begun["candidate"]))["state"] != "promoted":
                    assert time.monotonic() < deadline, shown
                    time.sleep(0.2)
                assert there.get("/a/b").json() == {"count": 2}
                assert there.ask("replay", begun["candidate"])["same"]
                there.agrees()
            finally:
                there.orgctl("down", "--yes")
                cut_power(there)
    went_on = model.asked[2]["messages"]
    assert [one["role"] for one in went_on].count("tool") == 1  # the first step's own result


def _sockets(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if (Path(folder) / name).is_socket()]
