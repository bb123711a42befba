"""tmux shows everything and owns nothing."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from tests.journeys import service
from tests.journeys.instance import Home, running

pytestmark = pytest.mark.journey

WINDOWS = ["supervisor", "current", "candidate", "agents", "gates"]
SHOWN_SECONDS = 15.0


def tmux(home: Home, *arguments: str) -> str:
    environment = {**os.environ, "TMUX_TMPDIR": str(home.path)}
    environment.pop("TMUX", None)
    done = subprocess.run(
        ["tmux", *arguments], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout


def until_shown(home: Home, window: str, text: str) -> str:
    """The pane's text once it holds `text`."""
    deadline = time.monotonic() + SHOWN_SECONDS
    shown = ""
    while text not in shown:
        assert time.monotonic() < deadline, shown
        shown = tmux(home, "capture-pane", "-p", "-t", f"=org:{window}")
    return shown


def test_the_session_shows_and_can_be_killed(home: Home, tmp_path: Path) -> None:
    """Five windows; killing the server harms nothing, attach makes it anew."""
    repo = service.make(tmp_path / "service")
    with running(home, repo):
        pid = home.ask("status")["supervisor"]["pid"]
        try:
            for _ in range(2):
                assert home.ask("attach")["session"] == "org"
                names = tmux(home, "list-windows", "-t", "=org", "-F", "#W").split()
                assert names == WINDOWS
                until_shown(home, "supervisor", "the supervisor is ready")
                tmux(home, "kill-server")
                assert home.get("/up").status_code == 200
                assert home.ask("status")["supervisor"]["pid"] == pid
            home.ask("attach")
            tmux(home, "kill-window", "-t", "=org:agents")
            home.ask("attach")
            assert sorted(tmux(home, "list-windows", "-t", "=org", "-F", "#W").split()) == sorted(
                WINDOWS
            )
        finally:
            home.orgctl("detach")


def test_what_a_log_holds_cannot_steer_the_terminal(home: Home, tmp_path: Path) -> None:
    """Control sequences, titles and bidirectional marks are shown as text."""
    repo = service.make(tmp_path / "service")
    home.write_settings()
    home.ask("init", "--repo", str(repo))
    evil = "\x1b]0;PWNED\x07\x1b[2J\x1b]52;c;aGk=\x07 \u202e txt \x9b31m"
    (home.path / "logs/agents.log").write_text(evil + "\n")
    shown = home.orgctl("logs", "agents").said
    assert "\\x1b]0;PWNED\\x07" in shown
    assert not set(shown) & set("\x1b\x07\x9b\u202e")
