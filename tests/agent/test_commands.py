"""A command that is not done in time ends with all that it started."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from daemon.agent.workspace import Workspace
from tests.agent.tool_case import kept, use

pytestmark = pytest.mark.process

ALIVE = "echo up; exec sleep 60"
PYTHON = f"""
import subprocess, time
subprocess.Popen(["sh", "-c", {ALIVE!r}], stdout=open("alive", "w"))
time.sleep(60)
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return kept(tmp_path)


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("sh", {"command": f"({ALIVE}) > alive & wait"}),
        ("sh", {"command": f"setsid sh -c '{ALIVE}' > alive & wait"}),
        ("python_run", {"code": PYTHON}),
    ],
    ids=["in the background", "in a session of its own", "a child of Python"],
)
def test_what_hangs_is_told_so_and_leaves_nothing(
    workspace: Workspace, tool: str, arguments: dict[str, Any]
) -> None:
    """Its grandchild holds a pipe's other end for as long as it lives."""
    os.mkfifo(workspace.root / "alive")
    alive = os.open(workspace.root / "alive", os.O_RDONLY | os.O_NONBLOCK)
    try:
        late = use(workspace, tool, **arguments, timeout_s=1)
        assert (late.ok, "stopped at its limit of 1 seconds" in late.text) == (False, True)
        assert os.read(alive, 9) == b"up\n"
        assert os.read(alive, 9) == b""  # would block while anybody holds it
    finally:
        os.close(alive)
