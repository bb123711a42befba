"""The floor: httpx, a stream, the call put together, the result appended; nothing else."""

from __future__ import annotations

import json
import time

from clock import BEGAN, asked, report

# isort: split

import httpx

IMPORTED = time.perf_counter() - BEGAN
TOOL = {
    "type": "function",
    "function": {
        "name": "add",
        "description": "Add two numbers.",
        "parameters": {
            "type": "object",
            "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
        },
    },
}
base, calls, loops, _ = asked()
client = httpx.Client(base_url=base)


def loop(_: int) -> None:
    messages: list[dict[str, object]] = [{"role": "user", "content": "add up"}]
    while True:
        body = {"model": "m", "messages": messages, "tools": [TOOL], "stream": True}
        text, call = "", {"id": "", "name": "", "arguments": ""}
        with client.stream("POST", "/v1/chat/completions", json=body) as answer:
            for line in answer.iter_lines():
                if not line.startswith("data: {"):
                    continue
                for choice in json.loads(line[6:])["choices"]:
                    delta = choice["delta"]
                    text += delta.get("content") or ""
                    for piece in delta.get("tool_calls") or ():
                        call["id"] += piece.get("id") or ""
                        call["name"] += piece["function"].get("name") or ""
                        call["arguments"] += piece["function"].get("arguments") or ""
        if not call["name"]:
            return
        given = json.loads(call["arguments"])
        function = {"name": call["name"], "arguments": call["arguments"]}
        used = [{"id": call["id"], "type": "function", "function": function}]
        messages.append({"role": "assistant", "content": text, "tool_calls": used})
        result = str(given["a"] + given["b"])
        messages.append({"role": "tool", "tool_call_id": call["id"], "content": result})


report(loop, calls, loops, IMPORTED)
