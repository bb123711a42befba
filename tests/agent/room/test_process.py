"""A room's process takes up what was said, and says what is wrong rather than end."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from daemon.agent.room.lock import ChannelLock
from daemon.agent.room.process import _say
from daemon.agent.room.room import Room
from ops.processes import Child, spawn
from ops.rooms import ENTRIES_MAX
from ops.sockets import read_lines, send_line
from tests.agent.room.case import Told

ROOT = Path(__file__).resolve().parents[3]


def test_a_room_that_breaks_says_so_and_is_idle(tmp_path: Path) -> None:
    class Broken(Room):
        async def say(self, text: str) -> None:
            raise OSError("no space left")

    told = Told()
    room = Broken([], ChannelLock(tmp_path / "channel"), told)
    asyncio.run(_say(room, told, "hello"))
    assert [one["event"] for one in told] == ["trouble", "idle"]
    assert "no space left" in told[0]["error"]


@contextmanager
def opened(folder: Path, entries: list[dict[str, str]]) -> Iterator[tuple[socket.socket, Child]]:
    """A room's process, which was told who sits there and what was said."""
    ours, theirs = socket.socketpair()
    argv = [sys.executable, "-I", str(ROOT / "ops/boot.py"), "daemon.agent.room"]
    with ours, (folder / "log").open("wb") as log:
        given = {"ORG_BROKER": str(folder / "llm")}
        child = spawn(argv, environment=given, fds={4: theirs.fileno()}, output=log.fileno())
        theirs.close()
        try:
            ours.settimeout(30)
            send_line(ours, {"seats": [{"name": "ada", "model": "m"}], "entries": entries})
            yield ours, child
        finally:
            child.kill()
            child.close()


@pytest.mark.process
def test_a_long_room_is_taken_up_again(tmp_path: Path) -> None:
    """As many entries as are kept, each as long as answers are."""
    entries = [{"who": "ada", "text": "x" * 3_000, "kind": "said"} for _ in range(ENTRIES_MAX)]
    with opened(tmp_path, entries) as (ours, child):
        told = read_lines(ours)
        assert "ready" in [next(told)["event"] for _ in range(2)]
        send_line(ours, {"do": "stop"})
        assert child.wait(10) == 0, (tmp_path / "log").read_text()


@pytest.mark.process
def test_a_room_of_a_newer_release_says_so(tmp_path: Path) -> None:
    """An entry of a kind that is not known here is told, not a process that ended."""
    with opened(tmp_path, [{"who": "ada", "text": "x", "kind": "sung"}]) as (ours, child):
        told = list(read_lines(ours))
        assert [one["event"] for one in told] == ["trouble"]
        assert "makes no sense" in told[0]["error"] and "sung" in told[0]["error"]
        assert child.wait(10) == 0
