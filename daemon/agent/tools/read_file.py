"""Read some lines of one file in the workspace."""

from __future__ import annotations

from pydantic import Field

from daemon.agent.tools.tool import Arguments, Result, Risk, Tool
from daemon.agent.workspace import Workspace


class ReadFile(Arguments):
    path: str = Field(description="relative to the workspace root")
    first_line: int = Field(default=1, ge=1)
    line_count: int = Field(default=300, ge=1, le=2000)


def read_file(arguments: ReadFile, workspace: Workspace) -> Result:
    """The lines, and how many follow."""
    lines = workspace.read(arguments.path).splitlines()
    start = arguments.first_line - 1
    shown = lines[start : start + arguments.line_count]
    left = len(lines) - start - len(shown)
    return Result("\n".join(shown) + (f"\n[{left} more lines]" if left > 0 else ""))


READ_FILE = Tool("read_file", "Read a text file.", Risk.READS, ReadFile, read_file)
