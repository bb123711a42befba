"""One tool call in a cell: the request on descriptor 4, the answer a line on standard output."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from daemon.agent.rules import shipped
from daemon.agent.tools import TOOLS
from daemon.agent.tools.tool import Result, Risk, Tool
from daemon.agent.workspace import Workspace
from ops.errors import Refused

REQUEST_FD = 4
ROOT = Path("/workspace")
# What they keep ends with the call, and nobody is there to be asked.
NOT_FOR_ONE_CALL = frozenset({"pyexe", "question", "todoread", "todowrite", "webfetch"})


def main(_: list[str]) -> int:
    """The tools' own words must not mix with ours, so they lose standard output."""
    said = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    with os.fdopen(REQUEST_FD, "rb") as source:
        request = json.loads(source.read())
    result = call(str(request["tool"]), request["arguments"], str(request.get("rules") or ""))
    said.write(json.dumps({"ok": result.ok, "text": result.text}) + "\n")
    said.flush()
    return 0


def offered() -> tuple[Tool, ...]:
    """`done` ends an author's run and is no tool for others."""
    return tuple(
        one for one in TOOLS if one.risk is not Risk.ENDS and one.name not in NOT_FOR_ONE_CALL
    )


def call(name: str, arguments: object, rules: str) -> Result:
    """`rules` are the instance's own, beside the shipped ones."""
    tool = next((one for one in offered() if one.name == name), None)
    if tool is None:
        names = ", ".join(one.name for one in offered())
        return Result(f"error: there is no tool {name}; there are: {names}", ok=False)
    try:
        checked = shipped().with_more(rules, "rules.toml") if rules else None
    except Refused as refused:
        return Result(f"error: {refused.message}", ok=False)
    return tool.call(arguments, Workspace(ROOT, rules=checked))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
