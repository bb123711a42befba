"""One call of a tool, by its name, and a workspace whose outputs are kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from daemon.agent.tools import TOOLS
from daemon.agent.tools.tool import Result
from daemon.agent.workspace import Workspace

BY_NAME = {tool.name: tool for tool in TOOLS}


def use(workspace: Workspace, name: str, **arguments: Any) -> Result:
    return BY_NAME[name].call(arguments, workspace)


def kept(folder: Path) -> Workspace:
    """With one file of five lines."""
    (folder / "work").mkdir()
    (folder / "kept").mkdir()
    (folder / "work/a.py").write_text("one\ntwo\nthree\nfour\nfive\n")
    return Workspace(folder / "work", kept=folder / "kept")
