"""Keep a list of what is to do, so that a long work loses nothing."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from daemon.agent.tools import todos
from daemon.agent.tools.tool import Arguments, Result, Risk, Tool
from daemon.agent.workspace import Workspace


class Todo(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    text: str = Field(min_length=1, max_length=300)
    state: Literal["open", "doing", "done"] = "open"


class TodoWrite(Arguments):
    todos: tuple[Todo, ...] = Field(max_length=100, description="the whole list, in order")


def todowrite(arguments: TodoWrite, workspace: Workspace) -> Result:
    rows = [one.model_dump() for one in arguments.todos]
    todos.save(rows, workspace)
    left = sum(1 for one in arguments.todos if one.state != "done")
    return Result(f"kept {len(rows)} entries, {left} not done")


TODOWRITE = Tool(
    "todowrite", "Replace your list of things to do.", Risk.READS, TodoWrite, todowrite
)
