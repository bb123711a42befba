"""What a subtask changed, kept in a file of its own, so that no transcript's line has to hold it.

A line of a transcript has a limit, and a run that goes on is told all its lines in one: that is
enough for words, not for work.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from daemon.agent.team.joining import BYTES_MAX, Changes, packed, unpacked
from ops.files import read_bounded, write_atomic

FILE_BYTES_MAX = 4 * BYTES_MAX  # old and new of all that may be worked on, in base 64
SUFFIX = ".changes"


def keep(several: Changes, folder: Path, subtask: str) -> str:
    """The name of its file, which is on the disk once this returns. Raises OSError."""
    name = f"{subtask}-{secrets.token_hex(8)}{SUFFIX}"
    write_atomic(folder / name, json.dumps(packed(several)).encode(), 0o600)
    return name


def kept_in(entry: Mapping[str, Any], folder: Path) -> Changes:
    """What an end's entry says was changed. Raises ValueError when that is lost."""
    changed = entry["changed"]
    if isinstance(changed, Mapping):
        return unpacked(changed)  # once all of it stood in the entry
    if not changed:
        return {}
    try:
        path = folder / Path(entry["kept"]).name
        found = unpacked(json.loads(read_bounded(path, FILE_BYTES_MAX)))
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise ValueError("what it changed is lost") from error
    if sorted(found) != sorted(changed):
        raise ValueError("what it changed is lost")
    return found
