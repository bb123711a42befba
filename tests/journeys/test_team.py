"""A team at work: its lead plans, members do it in cells, a person approves what falls short."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.journeys import service
from tests.journeys.instance import ROOT, Home, running
from tests.model_server import say, scripted_model

pytestmark = pytest.mark.journey

BEGUN_SECONDS = 60.0
FIRST = {"id": "write", "task": "write hello.txt", "who": "alice"}
THEN = {"id": "look", "task": "look at it", "who": "bob", "on_success": ["write"]}
CHECKED = {**THEN, "check": "grep -q hello hello.txt"}


def planned(*subtasks: dict[str, Any]) -> dict[str, Any]:
    return say("", plan={"subtasks": list(subtasks)})


WRITTEN = [
    say("", write_file={"path": "hello.txt", "content": "hello\n"}),
    say("I wrote hello.txt."),
]


def panes_show(home: Home, run: str) -> None:
    """A pane for each teammate, each with its own work."""
    home.ask("plan", "watch", run)
    environment = {**os.environ, "TMUX_TMPDIR": str(home.path)}
    environment.pop("TMUX", None)

    def tmux(*words: str) -> str:
        argv = ["tmux", *words]
        done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=True)
        return done.stdout

    try:
        panes = tmux("list-panes", "-t", "=org:team", "-F", "#{pane_id}").split()
        assert len(panes) == 3  # lead, alice, bob
        wanted = ["plan: write, look", "write done", "look done"]
        deadline = time.monotonic() + BEGUN_SECONDS
        for pane, text in zip(panes, wanted, strict=True):
            while text not in tmux("capture-pane", "-p", "-J", "-t", pane):
                assert time.monotonic() < deadline, tmux("capture-pane", "-p", "-t", pane)
                time.sleep(0.05)
    finally:
        home.orgctl("detach")


def test_a_team_plans_works_and_joins(home: Home, tmp_path: Path) -> None:
    """Made, kept over a restart, given a task in a folder, asked before it is deleted."""
    replies = [planned({**FIRST, "after": ["look"]}, CHECKED), planned(FIRST, CHECKED)]
    replies += [*WRITTEN, say("It says hello.")]
    project = tmp_path / "project"
    project.mkdir()
    (project / "kept.txt").write_text("kept")
    with scripted_model(replies, ("big", "small")) as model:
        base = f"http://127.0.0.1:{model.server_address[1]}"
        with running(home, service.make(tmp_path / "service"), f'[model]\nbase = "{base}"\n'):
            flags = ["--agent", "lead=big", "--agent", "alice=small", "--agent", "bob=small"]
            made = home.ask("team", "create", "writers", *flags, "--tests")
            assert made["lead"] == "lead" and Path(made["file"]).exists()
            assert home.orgctl("team", "create", "writers", *flags).code == 2
            home.ask("down")
            home.ask("up")
            assert [one["team"] for one in home.ask("team", "list")["teams"]] == ["writers"]
            found = home.orgctl("run", "writers", "say hello", "--dir", str(project))
            assert found.code == 0, found
            assert "✓ write done" in found.told and "plan: write, look" in found.told
            run = home.ask("plan", "list")["runs"][0]
            assert [(one["id"], one["who"], one["state"]) for one in run["plan"]] == [
                ("write", "alice", "done"),
                ("look", "bob", "done"),
            ]
            assert (project / "hello.txt").read_text() == "hello\n"
            panes_show(home, run["run"])
            assert (project / "kept.txt").read_text() == "kept"
            assert "wait for each other" in str(model.asked[1]["messages"])
            assert [one["model"] for one in model.asked[1:3]] == ["big", "small"]
            assert home.orgctl("team", "delete", "writers").code == 2
            home.ask("team", "delete", "writers", "--yes")
            assert home.orgctl("run", "writers", "more").code == 4


@pytest.mark.crash
def test_a_plan_that_falls_short_waits_for_a_person(home: Home, tmp_path: Path) -> None:
    """Nobody works before the approval; one that was cut off goes on from where it was."""
    hold = threading.Event()
    slow = {**say("It says hello, and that is all there is to say."), "hold": hold}
    replies = [planned(FIRST, THEN)] * 3 + [*WRITTEN, slow, say("It says hello.")]
    with scripted_model(replies) as model:
        base = f"http://127.0.0.1:{model.server_address[1]}"
        with running(home, service.make(tmp_path / "service"), f'[model]\nbase = "{base}"\n'):
            flags = ["--agent", "lead=", "--agent", "alice=", "--agent", "bob="]
            home.ask("team", "create", "careful", *flags, "--tests")
            waiting = home.ask("run", "careful", "say hello")
            assert waiting["outcome"] == "awaiting-approval"
            assert "look has no check" in waiting["reasons"][0]
            assert len(model.asked) == 3  # the same plan again and again: enough
            run = waiting["run"]
            assert home.orgctl("plan", "approve", run).code == 2  # it asks
            boot = [sys.executable, "-I", str(ROOT / "ops/boot.py"), "ops.orgctl"]
            argv = [*boot, "--home", str(home.path), "plan", "approve", run, "--yes"]
            working = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                       env={**os.environ, "NO_COLOR": "1"})  # fmt: skip
            deadline = time.monotonic() + BEGUN_SECONDS
            while len(model.asked) < 6:
                assert time.monotonic() < deadline
                time.sleep(0.05)
            working.send_signal(signal.SIGKILL)
            working.wait()
            assert home.ask("plan", "show", run)["outcome"] == "open"
            hold.set()
            done = home.ask("plan", "resume", run)
            assert done["outcome"] == "done" and len(model.asked) == 7
            assert (Path(done["workspace"]) / "hello.txt").read_text() == "hello\n"
            assert home.orgctl("plan", "resume", run).code == 2
            assert home.orgctl("plan", "show", "nothing").code == 4
