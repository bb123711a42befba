"""No cell in which a model or a person works shows the answers that candidates are judged by."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from daemon.core.release import Release
from daemon.state.settings import load
from daemon.supervisor.broker import Broker
from daemon.supervisor.chat_verbs import ChatVerbs
from daemon.supervisor.custody import Custody
from daemon.supervisor.workspaces import Workspaces
from fitness.gates.behaviour import TASKS
from ops import talk
from ops.cell import run
from ops.loaded import ROOT
from ops.rooms import RoomFolder
from tests.model_server import scripted_model
from tests.supervisor.grown import grown

pytestmark = pytest.mark.process

HERE = Release("0" * 40, ROOT, Path(sys.executable))
LOOK = f"test -e {ROOT}/pyproject.toml && cat {TASKS}"  # the release is there, they are not


def test_the_tools_of_people_do_not_see_them(tmp_path: Path) -> None:
    """Whoever may call a tool on :7001 reads the release with an empty folder in their place."""
    world = grown(tmp_path, 0, 0).world
    wish = {"tool": "sh", "arguments": {"command": LOOK}}
    told = asyncio.run(Workspaces(world, lambda: HERE).run("someone", wish))
    assert "No such file" in told["text"], told


def test_a_room_does_not_see_them(tmp_path: Path) -> None:
    """What a room plans may become a goal, so its members know no more than an author."""
    plain = grown(tmp_path, 0, 0).world
    with scripted_model([]) as model:
        base = f"http://127.0.0.1:{model.server_address[1]}"
        (plain.layout.home / "org.toml").write_text(f'[model]\nbase = "{base}"\n')
        world = replace(plain, settings=load(plain.layout.home))

        async def opened() -> dict[str, Any]:
            ours, theirs = socket.socketpair()
            with ours, theirs:
                broker = Broker(world, HERE, Custody(ours))
                await broker.start()
                try:
                    return await ChatVerbs(world, broker).open({"pid": os.getpid()})
                finally:
                    await broker.stop()

        given = asyncio.run(opened())
    folder = RoomFolder.named(world.layout, "room")
    for made in (folder.workspace, folder.kept, folder.skills, Path(given["directory"])):
        made.mkdir(parents=True, exist_ok=True)
    cell = talk._cell(talk.Wish(folder, folder.workspace, {}), given, {})
    look = LOOK.replace(str(ROOT), str(given["root"]))
    done = run(replace(cell, argv=("sh", "-c", look)))
    assert b"No such file" in done.stderr, done
