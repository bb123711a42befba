"""An instance whose clock goes where the test wants."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from daemon.state.journal import Journal
from daemon.state.settings import load
from daemon.supervisor.world import Instance, World
from ops.history import History
from ops.layout import Layout

START = datetime.fromisoformat("2026-11-20 21:59:00").timestamp()


class Clock:
    """Unix seconds that go where the test wants."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now


def a_world(tmp_path: Path, clock: Clock, **schedule: Any) -> World:
    layout = Layout(tmp_path)
    for room in layout.rooms():
        room.mkdir(exist_ok=True)
    settings = load(tmp_path, {"schedule": schedule})
    instance = Instance(kind="repo")
    history = History(layout.repo)
    return World(layout, settings, instance, history, Journal(layout.journal), clock)
