"""The supervisor's own sockets: another user of the machine gets nothing from them (attack W9)."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.errors import Refused
from ops.sockets import bind_unix
from tests.orchestrator.house import House, house

pytestmark = pytest.mark.attack

NOBODY = 65534
ASK = """
import socket, sys
line = socket.socket(socket.AF_UNIX)
line.settimeout(10)
line.connect(sys.argv[1])
line.sendall(b'{"verb": "status"}\\n')
sys.stdout.write(line.makefile().readline())
"""


@pytest.fixture(scope="module")
def here() -> Iterator[House]:
    assert os.geteuid() == 0, "run as root: another user is needed"
    with house() as made:
        yield made


def as_nobody(path: str) -> subprocess.CompletedProcess[str]:
    argv = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    return subprocess.run(
        [*argv, "/usr/bin/python3", "-c", ASK, path], capture_output=True, text=True, check=False
    )


def test_another_user_does_not_reach_the_door(here: House) -> None:
    """The folder is closed; whoever owns the instance still gets in."""
    refused = as_nobody(here.socket)
    assert refused.returncode != 0
    assert "PermissionError" in refused.stderr
    own = subprocess.run([sys.executable, "-c", ASK, here.socket], capture_output=True, text=True)
    assert "error" in own.stdout  # reached, and told that `status` is not on its list


@pytest.mark.parametrize("kind", ["file", "link", "folder"])
def test_what_lies_in_the_way_of_a_socket_is_not_followed(tmp_path: Path, kind: str) -> None:
    """A file, a link or a folder that was put there first is refused, and stays as it was."""
    place, victim = tmp_path / "control.sock", tmp_path / "victim"
    victim.write_text("precious")
    if kind == "file":
        place.write_text("mine")
    elif kind == "link":
        place.symlink_to(victim)
    else:
        place.mkdir()
    with pytest.raises(Refused, match="in the way"):
        bind_unix(place)
    assert victim.read_text() == "precious"


def test_a_socket_that_is_served_is_not_taken_over(tmp_path: Path) -> None:
    """Two supervisors: the second one is told."""
    from ops.errors import Failed

    first = bind_unix(tmp_path / "s")
    first.listen()
    with pytest.raises(Failed, match="answers"):
        bind_unix(tmp_path / "s")
    first.close()
    bind_unix(tmp_path / "s").close()
