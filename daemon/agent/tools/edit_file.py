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
    """In bytes: what is no UTF-8 stays as it is."""
    data = workspace.read_bytes(arguments.path)
    old, new = (text.encode("utf-8", "replace") for text in (arguments.old, arguments.new))
    count = data.count(old)
    if count != 1:
        where = "does not stand" if count == 0 else f"stands {count} times"
        return Result(f"error: the old text {where} in {arguments.path}", ok=False)
    workspace.write_bytes(arguments.path, data.replace(old, new))
    return Result(f"edited {arguments.path}")


EDIT_FILE = Tool(
    "edit_file", "Replace one exact piece of text in a file.", Risk.WRITES, EditFile, edit_file
)
