"""The doors of a cell that serves on while supervisors change."""

from __future__ import annotations

import socket
from pathlib import Path

from daemon.supervisor import recovery
from ops import doors
from ops.sockets import bind_unix
from tests.supervisor.grown import grown


def test_a_door_that_is_open_stays(tmp_path: Path) -> None:
    """A folder without any is what a killed process left."""
    world = grown(tmp_path, 0, 0).world
    cells = world.layout.run / "cells"
    for name in ("current", "left"):
        (cells / name).mkdir(parents=True)
    (cells / "left/llm.jsonl").write_text("")
    with bind_unix(cells / "current" / doors.BROKER, 0o666):
        recovery.sweep_cells(world)
        assert [one.name for one in cells.iterdir()] == ["current"]


def test_a_cell_of_an_earlier_org_finds_it_by_its_former_name(tmp_path: Path) -> None:
    """Its environment names that one for as long as it lives; a new door takes both names."""
    for _ in range(2):
        (tmp_path / doors.BROKER).unlink(missing_ok=True)
        with bind_unix(tmp_path / doors.BROKER, 0o666) as door:
            doors.also_as_before(tmp_path / doors.BROKER)
            door.listen()
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(str(tmp_path / doors.FORMER[doors.BROKER]))
