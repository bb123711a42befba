"""Run the repository's tests."""

from __future__ import annotations

import sys

from pydantic import Field

from daemon.agent.tools import commands
from daemon.agent.tools.tool import Arguments, Result, Risk, Tool
from daemon.agent.workspace import Workspace

SECONDS = 240
PYTEST = ("-m", "pytest", "-q", "--no-header", "--tb=short", "-p", "no:cacheprovider")


class RunTests(Arguments):
    paths: tuple[str, ...] = Field(default=(), description="test files; none runs all of them")


def run_tests(arguments: RunTests, workspace: Workspace) -> Result:
    for path in arguments.paths:
        # An option instead of a path could end well and run nothing, and so prove what is not so.
        named = path.partition("::")[0]
        workspace.parts(named)
        missing = not workspace.tests and not workspace.holds(named)  # other runners: other names
        if path.startswith(("-", "@")) or missing:
            return Result(f"error: {path} is no file or folder of the workspace", ok=False)
    chosen = arguments.paths or workspace.test_paths
    argv = workspace.tests or (sys.executable, *PYTEST)
    code, said = commands.run((*argv, *chosen), SECONDS, workspace)
    verdict = "the tests passed" if code == 0 else "the tests failed"
    return Result(f"{said}\n[{verdict}]", ok=code == 0)


RUN_TESTS = Tool("run_tests", "Run the tests.", Risk.RUNS, RunTests, run_tests)
