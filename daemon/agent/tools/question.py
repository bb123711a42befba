"""Ask the person who gave the work; nobody is waited for."""

from __future__ import annotations

from pydantic import Field

from daemon.agent.tools.tool import Arguments, Result, Risk, Tool
from daemon.agent.workspace import Workspace

TOLD = (
    "asked; an answer comes as a message, if it comes. Do not wait: take the choice that is"
    " easiest to undo, and say in your summary what you assumed"
)


class Question(Arguments):
    question: str = Field(min_length=1, max_length=2_000)
    choices: tuple[str, ...] = Field(default=(), max_length=8)


def question(arguments: Question, _: Workspace) -> Result:
    """The call itself is told to whoever watches; `orgctl tell` answers it."""
    return Result(TOLD)


QUESTION = Tool("question", "Ask the person who gave the work.", Risk.READS, Question, question)
