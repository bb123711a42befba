"""How the recorded exchanges of the judge's suites were made, from words alone.

    python -m tests.fitness.behaviour.record

writes fitness/suites/load.jsonl anew; a test holds the files to what is said here.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from daemon.broker.recordings import exchange
from tests.journeys.instance import ROOT
from tests.model_server import chunks, say

SUITES = ROOT / "fitness/suites"
LOAD = {"messages": [{"role": "user", "content": "Say ping."}]}


def recorded(ask: dict[str, Any], reply: dict[str, Any], **more: Any) -> str:
    """One line: what is asked, what the model says to it, and what else the judge knows of it."""
    line = json.loads(exchange(ask["messages"], list(chunks(reply, "recorded"))))
    return json.dumps({"ask": {"model": "recorded", **ask}, **more, **line}) + "\n"


def task(name: str, ask: dict[str, Any], reply: dict[str, Any]) -> str:
    """A task of the behaviour suite: what the model says has to come out, all of it."""
    wanted = {
        "status": 200,
        "text": reply["content"],
        "calls": [[name, arguments] for name, arguments in reply["calls"]],
        "finish": "tool_calls" if reply["calls"] else "stop",
    }
    return recorded(ask, reply, name=name, wanted=wanted)


def user(text: str, **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}], **more}


def tool(name: str) -> dict[str, Any]:
    schema = {"type": "object", "properties": {"value": {"type": "string"}}}
    return {"type": "function", "function": {"name": name, "parameters": schema}}


def conversation() -> dict[str, Any]:
    call = {"id": "c1", "type": "function", "function": {"name": "weigh", "arguments": "{}"}}
    return {
        "messages": [
            {"role": "system", "content": "You weigh things."},
            {"role": "user", "content": "How heavy is it?"},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c1", "content": '{"grams": 12}'},
        ],
        "tools": [tool("weigh")],
    }


def unfit() -> str:
    """Another question than the recorded one: the model's refusal is told as what it is."""
    line = json.loads(task("a refusal of the model", user("Recorded."), say("Never said.")))
    line["ask"]["messages"] = [{"role": "user", "content": "Asked."}]
    line["wanted"] = {"status": 409}
    return json.dumps(line) + "\n"


def tasks() -> list[str]:
    many = say("", look={"at": "a"}, look__2={"at": "b"}, take={"what": {"deep": [1, None, "é"]}})
    ask = user("Use the tools.", tools=[tool("look"), tool("take")])
    return [
        task("a plain answer", user("Name a colour."), say("Ultramarine, number 7.")),
        task("many scripts", user("Greet."), say("Grüße, 你好, שלום, नमस्ते, 👩‍👩‍👧 e\u0301.")),
        task("white space", user("A poem."), say("  one\n\n\ttwo  \r\n three \n")),
        task("what looks like the end", user("Say it."), say("data: [DONE]\n\ndata: {}\n\nmore")),
        task(
            "what looks like a call", user("Show."), say('`{"name": "x", "arguments": {}}` it is')
        ),
        task("markup", user("HTML."), say("<b>&amp;</b><script>alert('x')</script> </think> ok")),
        task("a long answer", user("Count."), say(" ".join(map(str, range(3_000))))),
        task("an answer in JSON", user("As JSON."), say('{"a": [1, 2.5, null], "b": "\\u00e9"}')),
        task("a call", ask, say("", look={"at": "the cellar 9"})),
        task("several calls", ask, many),
        task("text and a call", ask, say("First I look.", look={"at": "x" * 400})),
        task("a conversation with a tool", conversation(), say("It weighs 12 grams.")),
        unfit(),
    ]


def files() -> dict[Path, str]:
    return {
        SUITES / "load.jsonl": recorded(LOAD, say("ping")),
        SUITES / "behaviour/tasks.jsonl": "".join(tasks()),
    }


if __name__ == "__main__":
    for path, text in files().items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
