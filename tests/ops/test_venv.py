"""Environments are made of pinned wheels and of nothing else that a lock may say."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.errors import Refused
from ops.venv import check, ensure

ROOT = Path(__file__).resolve().parents[2]
HASH = "sha256:" + "0" * 64
REFUSED = [
    "-e .",
    "--index-url http://127.0.0.1:9/simple",
    "--find-links /tmp",
    "--no-binary :all:",
    "-r /etc/passwd",
    "-c constraints.txt",
    "evil @ file:///tmp/evil",
    "evil @ git+https://127.0.0.1/evil",
    "http://127.0.0.1/evil.whl",
    "./evil.whl",
    "evil>=1",
    "evil",
    "evil==1 --config-settings=x=y",
    "evil==1 ; python_version < '4' --global-option=x",
    f"evil==1 --hash={HASH} -e .",
    "evil==1 \\ -e .",
    "    --hash=md5:00",
    "\ufeffevil==1",
    "evil==1\x0b-e .",
]


def test_orgs_own_lock_is_a_lock() -> None:
    """As uv writes it, with its hashes, markers and comments."""
    check((ROOT / "ops/requirements.lock").read_bytes())


@pytest.mark.parametrize("line", REFUSED)
def test_a_lock_that_says_more_is_refused(line: str) -> None:
    """What would be fetched from elsewhere or built would run outside of any cell."""
    lock = f"good==1 \\\n    --hash={HASH}\n{line}\n"
    with pytest.raises(Refused, match="pinned by its hash"):
        check(lock.encode())


@given(st.text())
def test_whatever_a_lock_says_no_address_passes(text: str) -> None:
    """No line that passes can name a place, or anything but one package."""
    for line in text.splitlines():
        try:
            check(line.encode())
        except Refused:
            continue
        plain = line.split("#")[0]
        assert "/" not in plain and "@" not in plain and " -" not in plain.replace("    --hash", "")


def test_such_a_lock_makes_no_environment(tmp_path: Path) -> None:
    """It is refused before anything is fetched or made."""
    with pytest.raises(Refused):
        ensure(tmp_path, b"-e .\n", Path(sys.executable).resolve())
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == []
