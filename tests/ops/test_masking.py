"""Secrets are masked by value, however they stand in what is written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from daemon.agent import record as records
from ops.masking import MASK, Mask, own_mask, secrets_in


def test_values_are_masked_wherever_they_stand() -> None:
    """In prose, in JSON, twice, one inside another."""
    mask = Mask(["sk-123456789", "sk-123456789-long", 'quo"te\\d-secret'])
    assert mask("a sk-123456789 b sk-123456789-long") == f"a {MASK} b {MASK}"
    assert MASK in mask(json.dumps({"key": 'quo"te\\d-secret'}))
    assert mask("nothing here") == "nothing here"
    assert Mask([])("x") == "x"


def test_names_tell_what_is_secret() -> None:
    """Paths, numbers, switches and short words are none."""
    found = secrets_in(
        {
            "OPENAI_API_KEY": "sk-abcdefgh",
            "GITHUB_TOKEN": "ghp_12345678",
            "DB_PASSWORD": "hunter2hunter2",
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
