"""What a room keeps: every word once it was told, and nothing that is not the room's to say."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any

import pytest

from ops.errors import Exit, Failed, Refused
from ops.layout import Layout
from ops.processes import spawn
from ops.rooms import RoomFolder
from ops.sockets import LINE_BYTES_MAX
from ops.talk import Talk, chosen_workspace


@pytest.fixture
def folder(tmp_path: Path) -> RoomFolder:
    (tmp_path / "home/state").mkdir(parents=True)
    made = RoomFolder.named(Layout(tmp_path / "home"), "plans")
    made.make()
    return made


@pytest.mark.parametrize("name", ["", "../up", "a/b", ".hidden", "x" * 65, "a b"])
def test_a_room_has_a_plain_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(Refused):
        RoomFolder.named(Layout(tmp_path), name)


def test_no_instance_has_no_rooms(tmp_path: Path) -> None:
    with pytest.raises(Refused) as refused:
        RoomFolder.named(Layout(tmp_path), "plans")
    assert refused.value.code is Exit.DOWN


def test_a_torn_line_loses_itself_and_nothing_else(folder: RoomFolder) -> None:
    """After a power cut in the midst of a line the next one stands on its own."""
    folder.add({"seats": [{"name": "alice"}]})
    folder.add({"who": "you", "text": "one"})
    with folder.transcript.open("ab") as out:
        out.write(b'{"who": "you", "te')
    folder.add({"who": "you", "text": "two"})
    furnished, entries = folder.read()
    assert furnished is not None and furnished["seats"] == [{"name": "alice"}]
    assert [one["text"] for one in entries] == ["one", "two"]


def test_a_long_line_is_read_as_it_was_written(folder: RoomFolder) -> None:
    """Whatever is kept can be read again; what could not be is refused, not lost."""
    said = [{"text": "x" * size} for size in (2**20 - 10, 2**20, 3 * 2**20)]
    for one in said:
        folder.add(one)
    _, entries = folder.read()
    assert [len(one["text"]) for one in entries] == [len(one["text"]) for one in said]
    with pytest.raises(Failed, match="64 MiB"):
        folder.add({"text": "x" * LINE_BYTES_MAX})
    folder.add({"text": "after"})
    assert folder.read()[1][3]["text"] == "after"


@pytest.mark.parametrize(
    "entry",
    [
        {"seats": [], "workspace": "/etc"},
        {"kind": "said", "seats": [{"name": "mallory"}]},
        {"kind": "approved"},
        {"kind": "outcome", "outcome": "done"},
        ["kind"],
        None,
    ],
)
def test_a_room_cannot_furnish_or_approve(folder: RoomFolder, entry: Any) -> None:
    """What its process says is words; who sits where, and a person's yes, are not."""
    ours, theirs = socket.socketpair()
    child = spawn(["true"], environment={"PATH": os.environ["PATH"]})
    try:
        theirs.sendall(json.dumps({"event": "said", "entry": entry}).encode() + b"\n")
        with pytest.raises(Failed):
            list(Talk(folder, ours, child).events())
        assert folder.read() == (None, [])
    finally:
        child.wait(10)
        ours.close()
        theirs.close()


def test_not_every_folder_is_for_agents(folder: RoomFolder, tmp_path: Path) -> None:
    """Neither the machine, nor the instance, nor what holds it, by whatever name."""
    project = tmp_path / "project"
    project.mkdir()
    assert chosen_workspace(folder, project) == project.resolve()
    assert chosen_workspace(folder, None) == folder.workspace
    (tmp_path / "link").symlink_to(folder.home)
    for path in (Path("/"), folder.home, folder.home / "state", tmp_path, tmp_path / "link"):
        with pytest.raises(Refused):
            chosen_workspace(folder, path)
