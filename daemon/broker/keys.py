"""Keys of model servers: read from the environment or a private file, and never shown."""

from __future__ import annotations

import os
import stat
import tomllib
from pathlib import Path

from daemon.state.settings import Model
from ops.errors import Refused
from ops.masking import KEYS

MASK = "[key]"


def key_of(model: Model, state: Path) -> str | None:
    """From the environment, else from state/keys.toml, which only its owner may read."""
    found = os.environ.get(model.key_variable) or _key_in(state / KEYS, model.key_variable)
    if not isinstance(found, str) or not found.strip():
        return None
    key = found.strip()
    if not (key.isascii() and key.isprintable()):  # a header cannot hold it
        raise Refused(f"the key {model.key_variable} is not plain text", "set it anew")
    return key


def _key_in(path: Path, name: str) -> object:
    if not path.exists():
        return None
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise Refused(f"{path} can be read by others", f"chmod 600 {path}")
    try:
        return tomllib.loads(path.read_text(encoding="utf-8")).get(name)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Refused(f"{path} is no TOML", f'write it as: {name} = "…"') from error
