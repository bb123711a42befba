"""Run a shell command in the workspace."""

from __future__ import annotations

from pydantic import Field

from daemon.agent.tools import commands
from daemon.agent.tools.tool import Arguments, Result, Risk, Tool
from daemon.agent.workspace import Workspace


class Sh(Arguments):
    command: str = Field(min_length=1, description="POSIX shell, no input, no network")
    timeout_s: int | None = Field(default=None, ge=1, le=commands.SECONDS_MAX)


def sh(arguments: Sh, workspace: Workspace) -> Result:
    """Refused when a rule says so, which the model is told by its name."""
    found = workspace.check_command(arguments.command)
    seconds = commands.seconds_for([one.program for one in found], arguments.timeout_s)
    argv = ("/bin/sh", "-c", arguments.command)
    return commands.result(*commands.run(argv, seconds, workspace))


SH = Tool("sh", "Run a shell command.", Risk.RUNS, Sh, sh)
