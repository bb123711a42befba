"""List the files of the workspace."""

from __future__ import annotations

from pydantic import Field

from daemon.agent.tools.tool import Arguments, Result, Risk, Tool
from daemon.agent.workspace import Workspace

SHOWN_MAX = 400


class ListFiles(Arguments):
    path: str = Field(default=".", description="folder, relative to the workspace root")


def list_files(arguments: ListFiles, workspace: Workspace) -> Result:
    found = list(workspace.files(arguments.path))
    more = f"\n[{len(found) - SHOWN_MAX} more files]" if len(found) > SHOWN_MAX else ""
    return Result("\n".join(found[:SHOWN_MAX]) + more or "no files", ok=bool(found))


LIST_FILES = Tool("list_files", "List all files below a folder.", Risk.READS, ListFiles, list_files)
