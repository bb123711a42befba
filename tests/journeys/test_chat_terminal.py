"""A chat in a real terminal: typed in, read off the screen, killed."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.journeys import service
from tests.journeys.instance import ROOT, Home, running
from tests.model_server import say, scripted_model

pytestmark = pytest.mark.journey

SHOWN_SECONDS = 60.0


@pytest.fixture
def tmux(tmp_path: Path) -> Iterator[list[str]]:
    """A tmux of the test's own; its server is gone afterwards."""
    command = ["tmux", "-S", str(tmp_path / "tmux.sock"), "-f", "/dev/null"]
    try:
        yield command
    finally:
        subprocess.run([*command, "kill-server"], capture_output=True, check=False)


def settings(base: str, more: str = "") -> str:
    return f'[model]\nbase = "{base}"\n{more}'


def shown(tmux: list[str], text: str, *flags: str) -> str:
    """The pane once it holds `text`."""
    deadline = time.monotonic() + SHOWN_SECONDS
    while True:
        argv = [*tmux, "capture-pane", "-p", "-J", *flags, "-t", "chat"]
        pane = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
        if text in pane:
            return pane
        assert time.monotonic() < deadline, pane
        time.sleep(0.05)


def keys(tmux: list[str], *pressed: str) -> None:
    subprocess.run([*tmux, "send-keys", "-t", "chat", *pressed], check=True)


def start_chat(tmux: list[str], home: Home, *arguments: str) -> None:
    boot = [sys.executable, "-I", str(ROOT / "ops/boot.py"), "ops.orgctl", "chat"]
    words = [*boot, "--home", str(home.path), *arguments]
    command = "env -u NO_COLOR " + " ".join(map(shlex.quote, words))
    subprocess.run(
        [*tmux, "new-session", "-d", "-s", "chat", "-x", "100", "-y", "40", command], check=True
    )
    subprocess.run([*tmux, "set-option", "-t", "chat", "remain-on-exit", "on"], check=True)


def speaking(home: Home) -> bool:
    """Whether a room of this home is alive."""
    lines = [one.info["cmdline"] or [] for one in psutil.process_iter(["cmdline"])]
    return any("daemon.agent.room" in line and str(home.path) in " ".join(line) for line in lines)


def test_a_chat_in_a_terminal(home: Home, tmp_path: Path, tmux: list[str]) -> None:
    """Banners white on black, words as they come, Esc takes the word, tools only when shown."""
    hold = threading.Event()
    look = {"list_files": {"path": "."}}
    replies = [
        {**say("I speak slowly and for a very long time, and then go on."), "hold": hold},
        say("Now", **look),
        say("it is quiet."),
        say("And", **look),
        say("again."),
    ]
    with scripted_model(replies) as model:
        base = f"http://127.0.0.1:{model.server_address[1]}"
        with running(home, service.make(tmp_path / "service"), settings(base)):
            start_chat(tmux, home, "--agent", "alice=scripted", "--room", "screen")
            shown(tmux, "group>")
            keys(tmux, "hello there", "Enter")
            shown(tmux, "I speak slowly")
            banner = next(
                one for one in shown(tmux, "alice", "-e").splitlines() if "alice ·" in one
            )
            assert "\x1b[97m\x1b[40m" in banner or "\x1b[97;40m" in banner
            keys(tmux, "Escape")
            shown(tmux, "alice was interrupted")
            hold.set()
            keys(tmux, "go on", "Enter")
            pane = shown(tmux, "it is quiet.")
            assert "list_files" not in pane
            keys(tmux, "/tools", "Enter")
            shown(tmux, "tools are shown")
            keys(tmux, "once more", "Enter")
            shown(tmux, "alice → list_files")
            shown(tmux, "again.")
            keys(tmux, "/mode file:note.md", "Enter")
            shown(tmux, "file:note.md>")
            keys(tmux, "/quit", "Enter")
            shown(tmux, "orgctl chat --room screen")
            assert "interrupted" in (home.path / "state/rooms/screen/transcript.jsonl").read_text()
            subprocess.run([*tmux, "kill-server"], check=True)


@pytest.mark.crash
def test_a_killed_chat_leaves_nothing(home: Home, tmp_path: Path) -> None:
    """kill -9 of orgctl ends the room's cell, and the next chat closes its door."""
    hold = threading.Event()
    replies = [{**say("I speak slowly and for long."), "hold": hold}, say("Hello.")]
    with scripted_model(replies) as model:
        base = f"http://127.0.0.1:{model.server_address[1]}"
        with running(home, service.make(tmp_path / "service"), settings(base)):
            boot = [sys.executable, "-I", str(ROOT / "ops/boot.py"), "ops.orgctl"]
            argv = [*boot, "--home", str(home.path), "chat", "--room", "r", "--say", "hi"]
            chat = subprocess.Popen(argv, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
            assert chat.stdout is not None
            heard = b""
            while b"I speak" not in heard:
                heard += os.read(chat.stdout.fileno(), 4096)
            busy = home.orgctl("chat", "--room", "r", "--say", "hi")
            assert (busy.code, "working in r" in busy.told) == (3, True)
            chat.send_signal(signal.SIGKILL)
            chat.wait()
            chat.stdout.close()
            deadline = time.monotonic() + SHOWN_SECONDS
            while speaking(home):
                assert time.monotonic() < deadline
                time.sleep(0.05)
            hold.set()
            again = home.ask("chat", "--room", "r", "--say", "hi")
            assert again["messages"][-1]["text"] == "Hello."
            assert list((home.path / "run/cells").glob("chat-*")) == []
