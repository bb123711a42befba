"""An instance is backed up while it works, comes back elsewhere, and does not grow for ever."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from tests.journeys import service
from tests.journeys.instance import Answered, Home, running
from tests.model_server import say, scripted_model
from tests.supervisor.grown import grown

pytestmark = pytest.mark.journey

COUNTED = '''"""Counting."""


def count(path):
    """How many words `path` has, plus {more}."""
    return len(path.split("/")) + {more}
'''
TOLD = ("main", "counts", "frozen", "kind")


def evolve(home: Home, more: int) -> Answered:
    rewrite = ("--protocol", "rewrite", "--module", "words.py")
    return home.orgctl("evolve", "--wait", "--json", *rewrite, "--goal", f"count {more} more")


def told(home: Home) -> dict[str, Any]:
    """What must be the same wherever the instance runs."""
    status = home.ask("status")
    current = status["slots"]["current"]
    archive = home.ask("candidates")["candidates"]
    shown = [home.ask("show", one["candidate"]) for one in archive]
    return {
        **{key: status[key] for key in TOLD},
        "serves": (current["commit"], current["tag"]),
        "archive": archive,
        "shown": shown,
        "goals": home.ask("goal", "list"),
        "verify": home.ask("verify"),
    }


def test_a_backup_of_a_working_instance_comes_back_elsewhere(home: Home, tmp_path: Path) -> None:
    """Taken in the middle of a cycle too; the status, archive and history are the same there."""
    repo = service.make(tmp_path / "service")
    replies = [say("```python\n" + COUNTED.format(more=n) + "```") for n in (1, 2)]
    with scripted_model(replies) as model:
        extra = f'[model]\nbase = "http://127.0.0.1:{model.server_address[1]}"\n'
        with running(home, repo, extra):
            assert evolve(home, 1).code == 0
            home.ask("goal", "add", "count better")
            said: list[Answered] = []
            cycle = threading.Thread(target=lambda: said.append(evolve(home, 2)))
            cycle.start()
            middle = home.ask("backup", str(tmp_path / "middle"))
            cycle.join()
            assert said[0].code == 0, said
            home.ask("backup", str(tmp_path / "end"))
            before = told(home)
            assert home.orgctl("backup", str(tmp_path / "end")).code == 2
        assert middle["main"] != before["main"] or middle["releases"] == 3
        for file in ("middle", "end"):
            other = Home(home.path.parent / file)
            other.ask("restore", str(tmp_path / file))
            other.write_settings(extra)
            try:
                other.ask("up")
                other.agrees()
                if file == "end":
                    assert told(other) == before
                    other.ask("rollback", "--yes")
                    assert other.get("/a/b").json() == {"count": 4}
                    other.agrees()
            finally:
                other.orgctl("down", "--yes")
        assert other.orgctl("restore", str(tmp_path / "end")).code == 2


def test_gc_leaves_what_serves_and_what_could(tmp_path: Path) -> None:
    """By hand with and without the daemon; a dry run says what then goes; the way back stays."""
    keep = "[keep]\nreleases = 2\ncandidates = 1\nworkspaces = 0\n"
    made = grown(tmp_path, promoted=3, rejected=1)
    made.world.journal.close()
    home = Home(made.home)
    home.write_settings(keep)
    assert home.ask("gc", "--dry-run")["counts"]["releases"] == 3
    try:
        home.ask("up")
        assert home.orgctl("gc").code == 2  # it asks
        planned = home.ask("gc", "--dry-run")
        done = home.ask("gc", "--yes")
        assert done["removed"] == planned["removed"] != []
        assert home.ask("gc", "--yes")["removed"] == []
        home.agrees()
        home.ask("rollback", "--yes")
        home.ask("rollback", "--yes", "--to", "release/0")  # gone from disk, not from git
        assert home.ask("status")["slots"]["current"]["tag"] == "release/0"
        home.agrees()
    finally:
        home.orgctl("down", "--yes")
