"""The few settings that orgctl must know with no daemon to ask: ports, model, key, cells.

Flags, environment, file and defaults in the same order as in the daemon, which checks them all.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Sequence
from pathlib import Path

from ops.errors import Refused
from ops.layout import Layout
from ops.signing import Signer

SYSTEM_FILE = Path("/etc/org/org.toml")
PORTS = {"current": 7001, "candidate": 7002}
ENDPOINT = "http://127.0.0.1:11434"
HOST = "127.0.0.1"
BACKEND = "bubblewrap"


def ports(layout: Layout) -> dict[str, int]:
    """Slot -> port. Raises Refused when the file names something that is no port."""
    found = {}
    for name, default in PORTS.items():
        said = _said(layout, "ports", name, (f"ORG_PORTS__{name.upper()}",)) or default
        if not str(said).isdecimal():
            raise Refused(f"ports.{name} is {said!r}, which is no port", f"see {layout.settings}")
        found[name] = int(str(said))
    return found


def backend(layout: Layout) -> str:
    """What makes the cells."""
    return str(_said(layout, "cells", "backend", ("ORG_CELLS__BACKEND",)) or BACKEND)


def endpoint(layout: Layout) -> str:
    """The model's base URL."""
    said = _said(layout, "model", "base", ("OLLAMA_BASE", "ORG_MODEL__BASE"))
    return str(said or ENDPOINT)


def signer(layout: Layout) -> Signer | None:
    """Who signs; None when no key is configured. Raises Refused when it cannot sign."""
    said = _said(layout, "signing", "key", ("ORG_SIGNING__KEY",))
    if not said:
        return None
    found = Signer(Path(str(said)))
    found.public()
    return found


def _said(layout: Layout, section: str, key: str, variables: Sequence[str]) -> object:
    for variable in variables:
        if found := os.environ.get(variable):
            return found
    for path in (layout.settings, SYSTEM_FILE):
        table = _read(path).get(section)
        if isinstance(table, dict) and key in table:
            return table[key]
    return None


def _read(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Refused(f"{path}: {error}", "mend it") from error
