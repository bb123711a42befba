"""Where the list of things to do lies: beside the run's record, else as long as the process."""

from __future__ import annotations

import json
from pathlib import Path

from daemon.agent.workspace import Workspace
from ops.files import write_atomic

FILE = "todo.json"
Rows = list[dict[str, str]]
_lists: dict[Path, Rows] = {}


def save(rows: Rows, workspace: Workspace) -> None:
    if workspace.kept is None:
        _lists[workspace.root] = rows
    else:
        write_atomic(workspace.kept / FILE, json.dumps(rows).encode())


def load(workspace: Workspace) -> Rows:
    if workspace.kept is None:
        return _lists.get(workspace.root, [])
    path = workspace.kept / FILE
    return list(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else []
