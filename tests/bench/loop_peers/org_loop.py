"""org's own loop, each step on the disk before the next one begins."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from clock import BEGAN, asked, report

# isort: split

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

# isort: split
import httpx

from daemon.agent.loop import Hooks, Run
from daemon.agent.messages import Message
from daemon.agent.providers.openai import OpenAI
from daemon.agent.record import Record
from daemon.agent.tools.tool import Arguments, Result, Risk, Tool
from daemon.agent.workspace import Workspace

IMPORTED = time.perf_counter() - BEGAN


class Add(Arguments):
    a: int
    b: int


def add(arguments: Add, _: Workspace) -> Result:
    return Result(str(arguments.a + arguments.b))


ADD = Tool("add", "Add two numbers.", Risk.READS, Add, add)
base, calls, loops, folder = asked()
client = httpx.Client(base_url=base)
work = Path(folder) / "work"
work.mkdir(exist_ok=True)


def loop(number: int) -> None:
    hooks = Hooks(lambda *_: None, lambda *_: None, lambda *_: None, lambda *_: None, lambda: False)
    path = Path(folder) / f"record-{number}.jsonl"
    path.unlink(missing_ok=True)
    record = Record.open(path)
    run = Run(
        OpenAI(client, "m"), Workspace(work), hooks, 50, tools=(ADD,), talks=True, record=record
    )
    run.messages = [Message(role="user", content="add up")]
    end = run.until_end()
    record.close()
    assert (end.status, run.turns) == ("answered", calls + 1), end


report(loop, calls, loops, IMPORTED)
