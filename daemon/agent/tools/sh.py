"""Run a shell command in the workspace."""

from __future__ import annotations

from pydantic import Field

from daemon.agent.tools import commands
from daemon.agent.tools.tool import Arguments, Result, Risk, Tool
from daemon.agent.workspace import Workspace


class Sh(Arguments):
    command: str = Field(min_length=1, description="POSIX shell, no input, no network")
    timeout_s: int = Field(default=commands.SECONDS_DEFAULT, ge=1, le=commands.SECONDS_MAX)


def sh(arguments: Sh, workspace: Workspace) -> Result:
    argv = ("/bin/sh", "-c", arguments.command)
    return commands.result(*commands.run(argv, arguments.timeout_s, workspace))


SH = Tool("sh", "Run a shell command.", Risk.RUNS, Sh, sh)
