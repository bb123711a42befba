"""Find a piece of text in the workspace's files."""

from __future__ import annotations

from pydantic import Field

from daemon.agent.tools.tool import Arguments, Result, Risk, Tool
from daemon.agent.workspace import Outside, Workspace

HITS_MAX = 100
LINE_CHARS_MAX = 200


class Search(Arguments):
    text: str = Field(min_length=1, description="exact text, not a pattern")
    path: str = Field(default=".", description="folder to search")


def search(arguments: Search, workspace: Workspace) -> Result:
    """`file:line: text`, at most HITS_MAX of them."""
    hits: list[str] = []
    for path in workspace.files(arguments.path):
        try:
            lines = workspace.read(path).splitlines()
        except Outside:
            continue  # no text, or too large: nothing to find there
        for number, line in enumerate(lines, start=1):
            if arguments.text in line:
                hits.append(f"{path}:{number}: {line.strip()[:LINE_CHARS_MAX]}")
                if len(hits) == HITS_MAX:
                    return Result("\n".join([*hits, "[more are left out]"]))
    return Result("\n".join(hits) or "not found", ok=bool(hits))


SEARCH = Tool("search", "Find exact text in all files.", Risk.READS, Search, search)
