"""QEMU's own control line (QMP): power, snapshots."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ops.errors import Exit, Failed, Refused
from ops.sockets import connect_unix, read_lines, send_line

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 120.0  # a snapshot writes the whole memory


def ask(path: Path, command: str, **arguments: object) -> Any:
    """What QEMU returns. Raises Refused when no guest runs, Failed when QEMU says no."""
    try:
        line = connect_unix(path, CONNECT_SECONDS)
    except Refused as nobody:
        raise Refused("no guest runs here", "start it with: orgctl vm up", Exit.DOWN) from nobody
    with line:
        line.settimeout(ANSWER_SECONDS)
        messages = read_lines(line)
        next(messages)  # its greeting
        send_line(line, {"execute": "qmp_capabilities"})
        send_line(line, {"execute": command, "arguments": arguments})
        answers = (one for one in messages if "return" in one or "error" in one)
        next(answers)
        try:
            said = next(answers)
        except (StopIteration, ConnectionError):
            return None  # it was asked to end, and did
    if "error" in said:
        raise Failed(f"QEMU refused {command}: {json.dumps(said['error'])}", "see its log")
    return said["return"]


def human(path: Path, line: str) -> str:
    """A command of QEMU's people's monitor; its complaints come as text. Raises Failed."""
    said = str(ask(path, "human-monitor-command", **{"command-line": line}) or "").strip()
    if said.startswith("Error"):
        raise Failed(f"QEMU refused {line.split()[0]}: {said}", "see: orgctl vm status")
    return said
