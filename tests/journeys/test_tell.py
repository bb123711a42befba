"""A person steers an agent at work."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.journeys.instance import Home, running
from tests.model_server import say, scripted_model

pytestmark = pytest.mark.journey

WAIT_SECONDS = 60.0


def test_the_agent_hears_it_before_its_next_step(home: Home, org_repo: Path) -> None:
    """What was told stands in the next question; a run that is stopped ends as that."""
    spoken, asked = threading.Event(), threading.Event()

    def late(_: object) -> dict[str, object]:
        """The second reply comes only after the person spoke."""
        asked.set()
        assert spoken.wait(WAIT_SECONDS)
        return say("", list_files={"path": "ops"})

    def then(_: object) -> dict[str, object]:
        assert home.orgctl("tell", "--stop").code == 0
        return say("", list_files={"path": "vm"})

    replies = [say("", list_files={"path": "fitness"}), late, then]
    with scripted_model(replies) as model:
        base = f"http://127.0.0.1:{model.server_address[1]}"
        second = f'[providers.second]\nbase = "{base}"\nname = "scripted"\n'
        settings = f'[model]\nbase = "{base}"\nname = "main"\n[author]\nmodel = "second"\n'
        with running(home, org_repo, settings + second):
            nobody = home.orgctl("tell", "hello", "--json")
            assert (nobody.code, "no author" in nobody.json["error"]) == (4, True)
            with ThreadPoolExecutor(1) as pool:
                wish = ("--goal", "be better", "--protocol", "agent", "--wait", "--json")
                evolving = pool.submit(home.orgctl, "evolve", *wish)
                assert asked.wait(WAIT_SECONDS)
                told = home.ask("tell", "look at the tests first")
                spoken.set()
                ended = evolving.result(WAIT_SECONDS).json
            assert (ended["outcome"], ended["candidate"]) == ("rejected", told["candidate"])
            assert "somebody ended it" in home.ask("show", told["candidate"])["reason"]
    assert {one["model"] for one in model.asked} == {"scripted"}  # switched by one setting
    last = json.dumps(model.asked[-1]["messages"])
    assert "look at the tests first" in last
    assert "look at the tests first" not in json.dumps(model.asked[1]["messages"])
