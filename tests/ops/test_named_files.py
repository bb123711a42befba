"""A file that cannot be written is one sentence and a next step, whichever verb was to write it."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from daemon.supervisor.control import Control
from daemon.supervisor.evolving import Evolving
from ops.errors import Refused
from tests.night.clock import Clock, a_world
from tests.ops.test_report_page import found
from tests.ops.test_terminal import ORGCTL

SECONDS = 30.0


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """One whose supervisor answers `report`, and tells of releases."""
    folder = tmp_path / "home"
    folder.mkdir()
    ready, loop, stop = threading.Event(), asyncio.new_event_loop(), asyncio.Event()

    async def answer(_: Mapping[str, Any]) -> dict[str, Any]:
        return found()

    async def releases(_: Mapping[str, Any]) -> dict[str, Any]:
        return {"releases": [], "at": 0.0, "measures": []}

    async def serve() -> None:
        world = a_world(folder, Clock())
        looks = dict.fromkeys(("look.releases", "look.now"), releases)
        control = Control(world, {"report": answer, **looks}, frozenset())
        await control.open()
        ready.set()
        await stop.wait()
        control.close(world.layout)
        world.journal.close()

    running = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    running.start()
    assert ready.wait(SECONDS)
    yield folder
    loop.call_soon_threadsafe(stop.set)
    running.join(SECONDS)
    loop.close()


def orgctl(home: Path, *words: str, out: int = subprocess.PIPE) -> tuple[int, str]:
    done = subprocess.run(
        [*ORGCTL, "--home", str(home), *words],
        stdout=out,
        stderr=subprocess.PIPE,
        text=True,
        timeout=SECONDS,
        env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8"},
        check=False,
    )
    return done.returncode, (done.stdout or "") + done.stderr


@pytest.mark.parametrize(
    ("verb", "name", "why"),
    [
        (("report", "--html"), "none/x.html", "no such file or directory"),
        (("report", "--html"), "", "is a directory"),
        (("report", "--html"), "file/x.html", "not a directory"),
        (("report", "--html"), f"{'x' * 300}.html", "file name too long"),
        (("plot", "timeline", "--out"), "none/x.svg", "no such file or directory"),
        (("plot", "timeline", "--out"), "folder.svg", "is a directory"),
    ],
)
def test_a_file_that_cannot_be_is_misuse(
    home: Path, tmp_path: Path, verb: tuple[str, ...], name: str, why: str
) -> None:
    """The file by its name and what is wrong with it; as an object for a script."""
    (tmp_path / "file").touch()
    (tmp_path / "folder.svg").mkdir()
    named = str(tmp_path / name) if name else str(tmp_path)
    code, said = orgctl(home, *verb, named)
    assert (code, said.splitlines()[1:]) == (2, ["  name another file"])
    assert said.startswith(f"orgctl: {named[:60]}")
    assert said.splitlines()[0].endswith(why)
    code, said = orgctl(home, *verb, named, "--json")
    assert (code, json.loads(said)["hint"]) == (2, "name another file")


def test_a_file_that_can_be_is_written(home: Path, tmp_path: Path) -> None:
    page = tmp_path / "x.html"
    assert orgctl(home, "report", "--html", str(page))[0] == 0
    assert "What org did" in page.read_text()


def test_output_that_nobody_has_room_for_is_told(home: Path) -> None:
    """The world said no, and nothing follows that."""
    with Path("/dev/full").open("wb") as full:
        code, said = orgctl(home, "report", out=full.fileno())
    assert (code, said.splitlines()) == (
        1,
        ["orgctl: not done: no space left on device", "  see: orgctl doctor"],
    )


def test_a_recording_into_a_folder_is_refused_before_a_word_is_paid_for(tmp_path: Path) -> None:
    """Else the cycle that was to be recorded would end by it."""
    world = a_world(tmp_path, Clock())
    nobody = cast("Any", None)

    class Told(Evolving):
        def _chosen(self, arguments: Mapping[str, Any], program: Path) -> Any:
            return nobody

    world.instance = world.instance.model_copy(
        update={"program": Path(__file__).parents[2], "python": Path(sys.executable)}
    )
    with pytest.raises(Refused, match="is a folder"):
        asyncio.run(Told(world, nobody, nobody)._wish({"record": str(tmp_path)}))
