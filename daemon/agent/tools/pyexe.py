"""Run Python in a session that stays: what one call defines, the next one knows."""

from __future__ import annotations

import atexit
import json
import os
import select
import socket
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from daemon.agent.tools import commands
from daemon.agent.tools.tool import Arguments, Result, Risk, Tool
from daemon.agent.workspace import Workspace
from ops.cell import DEFAULT, Cell, Limits
from ops.cell import start as start_cell
from ops.masking import own_mask
from ops.processes import Child

DRIVER = Path(__file__).parent / "pyexe_session.py"
LINE_FD = 3
ANSWER_BYTES_MAX = 8 * 2**20
CHUNK_BYTES = 65_536
SESSIONS_MAX = 8


class PyExe(Arguments):
    code: str = Field(min_length=1, description="statements; the last expression's value is told")
    timeout_s: int = Field(default=commands.SECONDS_DEFAULT, ge=1, le=commands.SECONDS_MAX)
    fresh: bool = Field(default=False, description="forget what was defined")


@dataclass
class Session:
    """One interpreter, spoken to by lines of JSON."""

    child: Child
    line: socket.socket

    @classmethod
    def start(cls, workspace: Workspace) -> Session:
        ours, theirs = socket.socketpair()
        limits = Limits(**(vars(DEFAULT) | {"wall_seconds": None, "cpu_seconds": None}))
        cell = Cell(
            argv=(sys.executable, "-I", str(DRIVER)),
            directory=str(workspace.root),
            environment={"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "PYTHONHASHSEED": "0"},
            limits=limits,
            fds={LINE_FD: theirs.fileno()},
            backend="none",
        )
        void = os.open(os.devnull, os.O_WRONLY)
        try:
            child = start_cell(cell, void, void)
        finally:
            os.close(void)
            theirs.close()
        return cls(child, ours)

    def ask(self, code: str, seconds: float) -> dict[str, Any] | None:
        """What it said; None when it ended, or was not done in time."""
        deadline = time.monotonic() + seconds
        try:
            self.line.sendall(json.dumps({"code": code}).encode() + b"\n")
            held = bytearray()
            while not held.endswith(b"\n") and len(held) < ANSWER_BYTES_MAX:
                left = max(0.0, deadline - time.monotonic())
                if not select.select([self.line], [], [], left)[0]:
                    return None
                piece = self.line.recv(CHUNK_BYTES)
                if not piece:
                    return None
                held += piece
            return dict(json.loads(held))
        except (OSError, ValueError):
            return None

    def end(self) -> None:
        self.child.kill()
        self.child.close()
        self.line.close()


_sessions: dict[Path, Session] = {}


def pyexe(arguments: PyExe, workspace: Workspace) -> Result:
    if arguments.fresh:
        end(workspace)
    session = _sessions.get(workspace.root)
    if session is None:
        for root in list(_sessions)[: len(_sessions) - SESSIONS_MAX + 1]:
            _sessions.pop(root).end()
        session = _sessions[workspace.root] = Session.start(workspace)
    answer = session.ask(arguments.code, arguments.timeout_s)
    if answer is None:
        end(workspace)
        why = f"not done within {arguments.timeout_s} s, or it ended"
        return Result(f"error: {why}; what was defined is gone", ok=False)
    text = commands.steady(own_mask()(str(answer["said"]).strip()), workspace)
    return Result(commands.cut(text, workspace) or "(no output)", ok=bool(answer["ok"]))


def end(workspace: Workspace) -> None:
    session = _sessions.pop(workspace.root, None)
    if session is not None:
        session.end()


@atexit.register
def _end_all() -> None:
    while _sessions:
        _sessions.popitem()[1].end()


PYEXE = Tool("pyexe", "Run Python in a session that keeps its variables.", Risk.RUNS, PyExe, pyexe)
