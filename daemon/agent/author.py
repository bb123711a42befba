"""The author: inside its cell, in a copy of the repo, it works on one goal and says what it does.

Descriptor 4 is the line to the supervisor. After each step that changed files the author
waits until it was taken over, so that no step can be lost or half taken. When it dies it is
started again with the same record, and goes on from there.
"""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from daemon.agent.ends import End, Limits, Price
from daemon.agent.line import Line
from daemon.agent.loop import Run
from daemon.agent.messages import Message
from daemon.agent.offer import SMALL_TOKENS_MAX, TOKENS_MAX, declared, is_small, small_form
from daemon.agent.prompts import prompt
from daemon.agent.providers.openai import IDLE_SECONDS, OpenAI, over_socket
from daemon.agent.record import Record
from daemon.agent.rewrite import Rewrite
from daemon.agent.rules import shipped
from daemon.agent.tools import allowed
from daemon.agent.tools.tool import Tool
from daemon.agent.workspace import Workspace

LINE_FD = 4
BROKER = "ORG_BROKER"


class Job(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")
    goal: str
    notes: str = ""
    former: str | None = None
    module: str | None = None
    protocol: str = "agent"
    model: str = ""
    others: tuple[str, ...] = ()
    record: Path | None = None
    steps_max: int = 40
    rounds_max: int = 5
    tries: int = 0
    tokens_max: int | None = None
    money_max: float | None = None
    prices: tuple[float | None, float | None] = (None, None)
    context_tokens: int = 0
    wall_seconds: float = 1800.0
    idle_seconds: float = IDLE_SECONDS
    loose: bool = False
    rules: str = ""
    tools: tuple[str, ...] | None = None
    tool_tokens_max: int = TOKENS_MAX
    small_tool_tokens_max: int = SMALL_TOKENS_MAX
    web: bool = False
    tests: tuple[str, ...] | None = None
    test_paths: tuple[str, ...] = ()

    def limits(self) -> Limits:
        return Limits(
            self.steps_max,
            self.tokens_max,
            self.money_max,
            context_tokens=self.context_tokens,
            tool_tokens=self.tool_tokens_max,
            price=Price(*self.prices),
        )

    def offered(self) -> tuple[Tool, ...]:
        return allowed(self.tools, self.web)

    def declared(self) -> list[dict[str, Any]]:
        """A small model is told of its tools in words, and only there."""
        if is_small(self.model):
            return []
        return declared(self.offered(), self.tool_tokens_max)


def work(job: Job, line: Line, workspace: Workspace) -> None:
    line.deadline = time.monotonic() + job.wall_seconds
    client = over_socket(os.environ[BROKER], job.idle_seconds)
    provider = OpenAI(client, job.model, line.listen, job.others, line.left)
    if job.protocol == "rewrite":
        rewrite = Rewrite(
            provider, workspace, line.hooks(), job.rounds_max, job.tries, job.notes, job.former
        )
        end, turns, tokens = rewrite.until_end(job.goal, job.module), rewrite.turns, rewrite.tokens
    else:
        record = Record.open(job.record) if job.record else None
        run = Run(
            provider,
            workspace,
            line.hooks(),
            job.steps_max,
            tools=job.offered(),
            declared=job.declared(),
            loose=job.loose,
            must_change=True,
            limits=job.limits(),
            record=record,
        )
        run.messages = opening(job)
        end, turns, tokens = run.until_end(), run.turns, run.tokens
    finish(line, end, turns, tokens)


def workspace_of(job: Job) -> Workspace:
    rules = shipped().with_more(job.rules, "rules.toml") if job.rules else None
    kept = job.record.parent if job.record else None
    return Workspace(
        Path.cwd(), job.tests or (), job.test_paths, kept, os.environ.get(BROKER), rules
    )


def opening(job: Job) -> list[Message]:
    small = is_small(job.model)
    tools = small_form(job.offered(), job.small_tool_tokens_max) if small else prompt("embedded")
    return [
        Message(role="system", content=f"{prompt('agent')}\n\n{tools}"),
        Message(role="user", content="\n\n".join(filter(None, [f"Goal: {job.goal}", job.notes]))),
    ]


def finish(line: Line, end: End, turns: int, tokens: int) -> None:
    line.say("end", status=end.status, reason=end.reason, turns=turns, tokens=tokens)


def main(_: list[str]) -> int:
    with socket.socket(fileno=LINE_FD) as own:
        line = Line(own)
        job = Job.model_validate(line.job())
        work(job, line, workspace_of(job))
    return 0
