"""Commands of an agent: no input, a session of their own, ended whole, output cut in the middle."""

from __future__ import annotations

import os
import re

from daemon.agent.tools.tool import Result
from daemon.agent.workspace import Workspace
from ops.cell import DEFAULT, Cell, Limits
from ops.cell import run as run_cell

SECONDS_DEFAULT = 30
SECONDS_MAX = 300
SHOWN_CHARS_MAX = 8_000
# What differs from run to run says nothing, and would keep a recording from fitting.
VARYING = (
    (re.compile(r" in \d+(?:\.\d+)?s(?: \(\d+:\d\d:\d\d\))?"), ""),
    (re.compile(r"0x[0-9a-f]{6,16}"), "0x…"),
    (re.compile(r"/tmp/[\w./+-]+"), "/tmp/…"),
)


def run(argv: tuple[str, ...], seconds: float, workspace: Workspace) -> tuple[int | None, str]:
    """Exit code (None when a limit ended it) and what it said, ready for a model.

    We are inside the author's own cell here, so the walls stand already; what is
    needed of the machinery is its limits and its clean end.
    """
    limits = Limits(**(vars(DEFAULT) | {"wall_seconds": seconds}))
    environment = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "PYTHONHASHSEED": "0"}
    done = run_cell(
        Cell(
            argv=argv,
            directory=str(workspace.root),
            environment=environment,
            limits=limits,
            backend="none",
        )
    )
    said = (done.stdout + done.stderr).decode("utf-8", "replace")
    if done.limit is not None:
        what = f"{seconds:g} seconds" if done.limit == "wall" else "output"
        said += f"\n[stopped at its limit of {what}]"
    return done.exit, cut(steady(said.strip(), workspace))


def steady(text: str, workspace: Workspace) -> str:
    """The text without durations, addresses and temporary paths."""
    text = text.replace(f"{workspace.root}/", "")
    for pattern, instead in VARYING:
        text = pattern.sub(instead, text)
    return text


def cut(text: str) -> str:
    """The beginning and the end, and how much was left out between them."""
    if len(text) <= SHOWN_CHARS_MAX:
        return text
    half = SHOWN_CHARS_MAX // 2
    left_out = len(text) - 2 * half
    return f"{text[:half]}\n[{left_out} characters left out]\n{text[-half:]}"


def result(code: int | None, said: str) -> Result:
    return Result(f"{said}\n[exit {code}]".strip(), ok=code == 0)
