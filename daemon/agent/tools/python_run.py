"""Run a Python snippet in the workspace."""

from __future__ import annotations

import sys

from pydantic import Field

from daemon.agent.tools import commands
from daemon.agent.tools.tool import Arguments, Result, Risk, Tool
from daemon.agent.workspace import Workspace


class PythonRun(Arguments):
    code: str = Field(min_length=1, description="a whole program; what it prints is the result")
    timeout_s: int = Field(default=commands.SECONDS_DEFAULT, ge=1, le=commands.SECONDS_MAX)


def python_run(arguments: PythonRun, workspace: Workspace) -> Result:
    argv = (sys.executable, "-c", arguments.code)
    return commands.result(*commands.run(argv, arguments.timeout_s, workspace))


PYTHON_RUN = Tool("python_run", "Run Python code.", Risk.RUNS, PythonRun, python_run)
