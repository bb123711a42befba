"""Secrets are masked by value, however they stand in what is written."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from daemon.agent import record as records
from daemon.core.events import Kind
from daemon.state.memory import Memories
from ops.masking import KEYS, MASK, Mask, mask_at, own_mask, secrets_in
from ops.rooms import RoomFolder
from tests.supervisor.grown import grown


def test_values_are_masked_wherever_they_stand() -> None:
    """In prose, in JSON, twice, one inside another."""
    mask = Mask(["sk-123456789", "sk-123456789-long", 'quo"te\\d-secret'])
    assert mask("a sk-123456789 b sk-123456789-long") == f"a {MASK} b {MASK}"
    assert MASK in mask(json.dumps({"key": 'quo"te\\d-secret'}))
    assert mask("nothing here") == "nothing here"
    assert Mask([])("x") == "x"


def test_names_and_numbers_stay_what_they_are() -> None:
    """A key of digits inside of a number, or one that is a name as well."""
    mask = Mask(["12345678", "candidate"])
    told = {"at": 1234567890, "candidate": ["12345678", None, ("a candidate",)]}
    assert mask.inside(told) == {"at": 1234567890, "candidate": [MASK, None, [f"a {MASK}"]]}


def test_names_tell_what_is_secret() -> None:
    """Paths, numbers, switches and short words are none."""
    found = secrets_in(
        {
            "OPENAI_API_KEY": "sk-abcdefgh",
            "GITHUB_TOKEN": "ghp_12345678",
            "DB_PASSWORD": "hunter2hunter2",
            "GIT_AUTHOR_NAME": "Somebody Else",
            "SSH_AUTH_SOCK": "/tmp/agent.1",
            "TOKEN_MAX": "4096",
            "PATH": "/usr/bin",
        }
    )
    assert sorted(found) == ["ghp_12345678", "hunter2hunter2", "sk-abcdefgh"]


def test_a_record_holds_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the process that writes it."""
    monkeypatch.setenv("SOME_API_KEY", "sk-canary-987654321")
    own_mask.cache_clear()
    try:
        record = records.Record.open(tmp_path / "r")
        record.write({"kind": "said", "messages": [{"content": "it is sk-canary-987654321"}]})
        record.close()
    finally:
        own_mask.cache_clear()
    assert "sk-canary" not in (tmp_path / "r").read_text()


CANARIES = ("sk-canary-987654321", "sk-canary-123456789")


def _keys(state: Path, key: str) -> None:
    state.mkdir(parents=True, exist_ok=True)
    (state / KEYS).write_text(f'SOME_NAME = "{key}"\n')
    (state / KEYS).chmod(0o600)


def test_what_an_instance_keeps_holds_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the environment or of its keys: in transcripts, memories, events, and logs."""
    monkeypatch.setenv("SOME_API_KEY", CANARIES[0])
    world = grown(tmp_path, 0, 0).world
    state, text = world.layout.state, f"{CANARIES[0]} and {CANARIES[1]}"
    _keys(state, CANARIES[1])
    room = RoomFolder.at(world.layout.home, "r")
    room.make()
    room.add({"who": "ada", "text": text})
    memories = Memories.open(state / "memory.db")
    assert memories.store(text, "you").text == f"{MASK} and {MASK}"
    memories.close()
    world.tell(Kind.NOTICE, None, text=text)
    world.journal.close()
    kept = [one for one in world.layout.home.rglob("*") if one.is_file() and one.name != KEYS]
    told = [one.name for one in kept if b"sk-canary" in one.read_bytes()]
    assert (told, MASK in room.transcript.read_text()) == ([], True)


def test_a_key_that_was_changed_is_masked_too(tmp_path: Path) -> None:
    """The file is read anew; one that makes no sense has no keys."""
    _keys(tmp_path, CANARIES[0])
    os.utime(tmp_path / KEYS, ns=(1, 1))
    assert mask_at(tmp_path)(CANARIES[0]) == MASK
    _keys(tmp_path, CANARIES[1])
    assert mask_at(tmp_path)(CANARIES[1]) == MASK
    (tmp_path / KEYS).write_text("rubbish")
    assert mask_at(tmp_path)("words") == "words"
