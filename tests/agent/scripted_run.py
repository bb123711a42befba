"""A run of the loop whose model's replies are written down."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from daemon.agent.loop import Hooks, Run
from daemon.agent.messages import Call, Message
from daemon.agent.providers import Reply, Usage
from daemon.agent.workspace import Workspace

TESTS = ("sh", "-c", "exit 0")
OPENING = [Message(role="system", content="work"), Message(role="user", content="Goal: x")]


class Script:
    """A provider; a reply may be a function of what it was asked."""

    def __init__(self, *replies: Any) -> None:
        self.replies = list(replies)
        self.asked: list[list[Message]] = []
        self.tools: list[int] = []  # how many were declared

    def reply(self, messages: Sequence[Message], tools: Sequence[dict[str, Any]]) -> Reply:
        self.asked.append(list(messages))
        self.tools.append(len(tools))
        reply = self.replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        assert isinstance(reply, Reply)
        return reply


def calls(*made: tuple[str, dict[str, Any]], content: str = "") -> Reply:
    listed = tuple(
        Call(id=f"c{at}", name=name, arguments=json.dumps(arguments))
        for at, (name, arguments) in enumerate(made)
    )
    return Reply(content, listed, usage=Usage(100, 10), model="m")


def sh(command: str) -> Reply:
    return calls(("sh", {"command": command}))


PROOF = calls(("run_tests", {}))
DONE = calls(("done", {"summary": "better"}))


def hooks(**changes: Callable[..., Any]) -> Hooks:
    made = Hooks(lambda *_: None, lambda *_: None, lambda *_: None, lambda *_: None, lambda: False)
    for name, value in changes.items():
        setattr(made, name, value)
    return made


def run_of(folder: Path, *replies: Any, **options: Any) -> Run:
    kept = options.pop("hooks", hooks())
    work = folder / "work"
    work.mkdir(exist_ok=True)
    made = Run(Script(*replies), Workspace(work, TESTS), kept, 50, **options)
    made.messages = OPENING
    return made
