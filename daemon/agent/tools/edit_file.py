"""Replace one exact piece of a file in the workspace."""

from __future__ import annotations

from pydantic import Field

from daemon.agent.tools.tool import Arguments, Result, Risk, Tool
from daemon.agent.workspace import Workspace


class EditFile(Arguments):
    path: str = Field(description="relative to the workspace root")
    old: str = Field(min_length=1, description="exact text that stands once in the file")
    new: str = Field(description="what stands there afterwards")


def edit_file(arguments: EditFile, workspace: Workspace) -> Result:
    text = workspace.read(arguments.path)
    count = text.count(arguments.old)
    if count != 1:
        where = "does not stand" if count == 0 else f"stands {count} times"
        return Result(f"error: the old text {where} in {arguments.path}", ok=False)
    workspace.write(arguments.path, text.replace(arguments.old, arguments.new))
    return Result(f"edited {arguments.path}")


EDIT_FILE = Tool(
    "edit_file", "Replace one exact piece of text in a file.", Risk.WRITES, EditFile, edit_file
)
