"""The author: inside its cell, in a copy of the repo, it works on one goal and says what it does.

Descriptor 4 is the line to the supervisor. After each step that changed files the author
waits until it was taken over, so that no step can be lost or half taken.
"""

from __future__ import annotations

import json
import os
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from pydantic import BaseModel, ConfigDict

from daemon.agent.loop import End, Hooks, Run
from daemon.agent.messages import Call, Message
from daemon.agent.prompts import prompt
from daemon.agent.providers.openai import OpenAI, over_socket
from daemon.agent.rewrite import Rewrite
from daemon.agent.tools.tool import Result
from daemon.agent.workspace import Workspace

LINE_FD = 4
BROKER = "ORG_BROKER"
SHOWN_CHARS_MAX = 600


class Job(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")
    goal: str
    module: str | None = None
    protocol: str = "agent"
    model: str = ""
    steps_max: int = 40
    rounds_max: int = 5
    wall_seconds: float = 1800.0
    tests: tuple[str, ...] | None = None
    test_paths: tuple[str, ...] = ()


@dataclass
class Line:
    stream: IO[str]
    deadline: float = float("inf")

    def say(self, event: str, **data: Any) -> None:
        self.stream.write(json.dumps({"event": event, **data}) + "\n")
        self.stream.flush()

    def hear(self) -> dict[str, Any]:
        line = self.stream.readline()
        if not line:
            raise EOFError("the supervisor is gone")
        return dict(json.loads(line))

    def hooks(self) -> Hooks:
        return Hooks(self._turn, self._call, self._result, self._step, self._late)

    def _turn(self, n: int, text: str) -> None:
        self.say("turn", n=n, text=text)

    def _call(self, n: int, call: Call) -> None:
        self.say("call", n=n, tool=call.name, arguments=call.arguments[:SHOWN_CHARS_MAX])

    def _result(self, n: int, call: Call, result: Result) -> None:
        text = result.text[:SHOWN_CHARS_MAX]
        self.say("result", n=n, tool=call.name, ok=result.ok, summary=text)

    def _step(self, n: int, summary: str) -> None:
        self.say("step", n=n, summary=summary)
        while self.hear().get("ack") != n:
            continue

    def _late(self) -> bool:
        return time.monotonic() > self.deadline


def work(job: Job, line: Line, workspace: Workspace) -> None:
    line.deadline = time.monotonic() + job.wall_seconds
    provider = OpenAI(over_socket(os.environ[BROKER]), job.model)
    if job.protocol == "rewrite":
        rewrite = Rewrite(provider, workspace, line.hooks(), job.rounds_max)
        end, turns, tokens = rewrite.until_end(job.goal, job.module), rewrite.turns, rewrite.tokens
    else:
        run = Run(provider, workspace, line.hooks(), job.steps_max)
        run.messages = opening(job)
        end, turns, tokens = run.until_end(), run.turns, run.tokens
    finish(line, end, turns, tokens)


def opening(job: Job) -> list[Message]:
    return [
        Message(role="system", content=f"{prompt('agent')}\n\n{prompt('embedded')}"),
        Message(role="user", content=f"Goal: {job.goal}"),
    ]


def finish(line: Line, end: End, turns: int, tokens: int) -> None:
    line.say("end", status=end.status, reason=end.reason, turns=turns, tokens=tokens)


def main(_: list[str]) -> int:
    with socket.socket(fileno=LINE_FD) as own, own.makefile("rw", encoding="utf-8") as stream:
        line = Line(stream)
        job = Job.model_validate(line.hear()["job"])
        work(job, line, Workspace(Path.cwd(), job.tests or (), job.test_paths))
    return 0
