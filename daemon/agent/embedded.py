"""Does a text hold a call of a tool? For those who ask from outside: one JSON object."""

from __future__ import annotations

import argparse
import json

from daemon.agent.extraction import extract


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="daemon.agent.embedded")
    parser.add_argument("--text", required=True)
    parser.add_argument("--tool", required=True)
    parser.add_argument("--argument", required=True)
    flags = parser.parse_args(argv)
    properties = {flags.argument: {"type": "string"}}
    parameters = {"type": "object", "properties": properties}
    tools = [{"type": "function", "function": {"name": flags.tool, "parameters": parameters}}]
    found = extract(flags.text, tools).calls
    print(json.dumps({"calls": [{"name": one.name, "arguments": one.arguments} for one in found]}))
    return 0
