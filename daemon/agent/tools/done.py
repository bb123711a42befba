"""Say that the goal is reached."""

from __future__ import annotations

from pydantic import Field

from daemon.agent.tools.tool import Arguments, Result, Risk, Tool
from daemon.agent.workspace import Workspace


class Done(Arguments):
    summary: str = Field(min_length=1, description="one sentence: what is better now")


def done(arguments: Done, _: Workspace) -> Result:
    """The loop asks for evidence; this only takes the words."""
    return Result(arguments.summary)


DONE = Tool("done", "End the work: the goal is reached, the tests passed.", Risk.ENDS, Done, done)
