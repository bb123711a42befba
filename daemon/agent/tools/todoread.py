"""Look at the list of what is to do."""

from __future__ import annotations

from daemon.agent.tools import todos
from daemon.agent.tools.tool import Arguments, Result, Risk, Tool
from daemon.agent.workspace import Workspace

MARKS = {"open": "[ ]", "doing": "[~]", "done": "[x]"}


class TodoRead(Arguments):
    pass


def todoread(_: TodoRead, workspace: Workspace) -> Result:
    rows = todos.load(workspace)
    return Result("\n".join(f"{MARKS[one['state']]} {one['text']}" for one in rows) or "no entries")


TODOREAD = Tool("todoread", "Read your list of things to do.", Risk.READS, TodoRead, todoread)
