"""The loop in a workspace that has a quick check, and a model whose replies are written down."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from daemon.agent.loop import End, Hooks, Run
from daemon.agent.messages import Call, Message
from daemon.agent.providers import ModelFault, Reply, Usage
from daemon.agent.workspace import Workspace

CHECK = "test ! -e bad.txt || { echo test_x failed; exit 1; }\n"
TESTS = ("sh", "check.sh")  # tests are a command; a quick one keeps these quick


class Script:
    """A provider that says what was written beforehand, and keeps what it was asked."""

    def __init__(self, *replies: Reply | ModelFault) -> None:
        self.replies = list(replies)
        self.asked: list[list[Message]] = []
        self.temperatures: list[float | None] = []

    def reply(
        self,
        messages: Sequence[Message],
        tools: Sequence[dict[str, Any]],
        temperature: float | None = None,
    ) -> Reply:
        self.asked.append(list(messages))
        self.temperatures.append(temperature)
        reply = self.replies.pop(0)
        if isinstance(reply, ModelFault):
            raise reply
        return reply


def says(content: str = "", *calls: tuple[str, str]) -> Reply:
    made = tuple(
        Call(id=f"c{at}", name=name, arguments=text) for at, (name, text) in enumerate(calls)
    )
    return Reply(content, made, usage=Usage(10, 5))


def done() -> Reply:
    return says("", ("done", '{"summary": "better"}'))


def proof() -> Reply:
    return says("", ("run_tests", "{}"))


def write(path: str, text: str) -> Reply:
    return says("", ("write_file", json.dumps({"path": path, "content": text})))


def hooks(steps: list[str], late: bool = False) -> Hooks:
    return Hooks(
        lambda *_: None,
        lambda *_: None,
        lambda *_: None,
        lambda _, summary: steps.append(summary),
        lambda: late,
    )


def run(
    workspace: Workspace, *replies: Reply | ModelFault, steps_max: int = 20, talks: bool = False
) -> tuple[End, Run]:
    made = Run(Script(*replies), workspace, hooks([]), steps_max)
    made.talks = talks
    return made.until_end(), made


def checked(folder: Path) -> Workspace:
    """Its tests fail while there is a bad.txt."""
    (folder / "check.sh").write_text(CHECK)
    return Workspace(folder, TESTS)
