"""One tool call in a cell: the request on descriptor 4, the answer a line on standard output."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from daemon.agent.tools import TOOLS
from daemon.agent.tools.tool import Result, Risk
from daemon.agent.workspace import Workspace

REQUEST_FD = 4
ROOT = Path("/workspace")


def main(_: list[str]) -> int:
    """The tools' own words must not mix with ours, so they lose standard output."""
    said = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    with os.fdopen(REQUEST_FD, "rb") as source:
        request = json.loads(source.read())
    result = call(str(request["tool"]), request["arguments"])
    said.write(json.dumps({"ok": result.ok, "text": result.text}) + "\n")
    said.flush()
    return 0


def call(name: str, arguments: object) -> Result:
    tool = next((one for one in TOOLS if one.name == name and one.risk is not Risk.ENDS), None)
    if tool is None:
        names = ", ".join(one.name for one in TOOLS if one.risk is not Risk.ENDS)
        return Result(f"error: there is no tool {name}; there are: {names}", ok=False)
    return tool.call(arguments, Workspace(ROOT))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
