"""What a room is asked for: by a file, and by flags that cannot both be meant."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ops.errors import Exit, Refused
from ops.orgctl.chat import _first, _from_file

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('tools = "sh"', "tools is no list"),
        ("tools = [1]", "each of the tools is no text"),
        ("tools = {}", "tools is no list"),
        ("mode = 1", "mode is no text"),
        ("agents = []", "agents is no table"),
        ('agents.alice = "m"', "agents.alice is no table"),
        ("[agents.alice]\nmodel = 1", "agents.alice.model is no text"),
        ('[agents.alice]\npersona = ["x"]', "agents.alice.persona is no text"),
        ("tools = [", "room.toml: "),
    ],
)
def test_a_file_that_makes_no_sense_is_refused_where_it_is_read(
    tmp_path: Path, text: str, said: str
) -> None:
    """With how it is written: the room would only end."""
    (tmp_path / "room.toml").write_text(text)
    with pytest.raises(Refused) as caught:
        _from_file(tmp_path / "room.toml")
    assert said in caught.value.message
    assert caught.value.hint
    assert caught.value.code is Exit.MISUSE


def test_a_file_furnishes_a_room(tmp_path: Path) -> None:
    """A persona may stand in a file beside it; a list without tools offers none."""
    (tmp_path / "a.md").write_text("I am Alice.")
    text = 'mode = "direct:alice"\ntools = []\n[agents.alice]\npersona = "@a.md"\n[agents.bob]\n'
    (tmp_path / "room.toml").write_text(text + 'model = "m"\n')
    found: dict[str, Any] = _from_file(tmp_path / "room.toml")
    assert found == {
        "models": {"alice": "", "bob": "m"},
        "personas": {"alice": "I am Alice.", "bob": ""},
        "mode": "direct:alice",
        "tools": [],
    }
    assert _first(None, found["tools"], ["sh"]) == []


@pytest.mark.process
def test_a_list_of_tools_and_a_namespace_cannot_both_be_meant(tmp_path: Path) -> None:
    """One sentence, a next step, exit 2."""
    argv = [sys.executable, "-I", str(ROOT / "ops/boot.py"), "ops.orgctl", "--home", str(tmp_path)]
    argv += ["chat", "--tool", "sh", "--namespace", "careful", "--say", "hello", "--json"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == Exit.MISUSE
    assert "--tool and --namespace" in json.loads(done.stdout)["error"]
