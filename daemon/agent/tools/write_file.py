"""Write one whole file in the workspace."""

from __future__ import annotations

from pydantic import Field

from daemon.agent.tools.tool import Arguments, Result, Risk, Tool
from daemon.agent.workspace import Workspace


class WriteFile(Arguments):
    path: str = Field(description="relative to the workspace root; folders are made")
    content: str = Field(description="the whole file")


def write_file(arguments: WriteFile, workspace: Workspace) -> Result:
    workspace.write(arguments.path, arguments.content)
    return Result(f"wrote {arguments.path}: {len(arguments.content.splitlines())} lines")


WRITE_FILE = Tool(
    "write_file", "Create or replace a whole file.", Risk.WRITES, WriteFile, write_file
)
