"""One case of calls in text: the tools on offer, and the calls most cases make."""

from __future__ import annotations

from typing import Any


def _tool(name: str, **properties: object) -> dict[str, Any]:
    schema = {"type": "object", "properties": properties}
    return {"type": "function", "function": {"name": name, "parameters": schema}}


Calls = list[tuple[str, Any]]
Case = tuple[str, str | None, Calls, str]  # the text, the model, the calls, the content


def case(text: str, *calls: tuple[str, Any], content: str = "", model: str | None = None) -> Case:
    return text, model, list(calls), content


TEXT = {"type": "string"}
TOOLS = [
    _tool("weigh", grams={"type": "integer"}, label=TEXT),
    _tool("note", text=TEXT, tags={"type": "array"}, pinned={"type": "boolean"}),
    _tool("sh", command=TEXT),
    _tool("fetch", url=TEXT),
    _tool("python", code=TEXT),
    _tool("mark", label={"oneOf": [TEXT, {"type": "object"}]}),
    _tool("stop"),
]
WEIGH = ("weigh", {"grams": 7, "label": "a < b"})
STOP = ("stop", {})
JSON = '{"name": "weigh", "arguments": {"grams": 7, "label": "a < b"}}'
ARGUMENTS = '{"grams": 7, "label": "a < b"}'
CALL, CALL_END = "<tool_call>", "</tool_call>"
