"""A model server for the loops' benchmark: a process of its own, so that it costs them nothing.

It keeps no state: it counts its own turns in the question, and calls `add` until there are enough.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

WORD = b"data: "
BASH = "echo 3"


def reply(question: dict[str, object], calls: int) -> list[dict[str, object]]:
    """Deltas: a call in pieces; when enough were made, the end."""
    messages = question["messages"]
    assert isinstance(messages, list)
    # Not the results: smolagents sends them back as its user's words.
    results = sum(1 for one in messages if one.get("role") == "assistant")
    tools = {
        tool["function"]["name"]
        for tool in question.get("tools") or ()  # type: ignore[attr-defined]
    }
    if "bash" in tools:  # mini-swe-agent has this one tool, and a word that ends it
        over = "echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT"
        return called("bash", {"command": BASH if results < calls else over}, results)
    if results < calls:
        return called("add", {"a": results, "b": 1}, results)
    if "final_answer" in tools:  # smolagents ends by a call
        return called("final_answer", {"answer": "over"}, results)
    return [{"role": "assistant", "content": "It is "}, {"content": "over."}]


def called(name: str, arguments: dict[str, object], number: int) -> list[dict[str, object]]:
    text = json.dumps(arguments)
    start = {
        "index": 0,
        "id": f"call_{number}",
        "type": "function",
        "function": {"name": name, "arguments": ""},
    }
    cuts = [text[at : at + 6] for at in range(0, len(text), 6)]
    pieces = [{"index": 0, "function": {"arguments": cut}} for cut in cuts]
    told = [{"tool_calls": [piece]} for piece in (start, *pieces)]
    return [{"role": "assistant", "content": None}, *told]


def chunks(question: dict[str, object], calls: int) -> list[dict[str, object]]:
    head = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "scripted"}
    deltas = reply(question, calls)
    finish = "tool_calls" if any("tool_calls" in delta for delta in deltas) else "stop"
    made = [
        {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
        for delta in deltas
    ]
    made.append({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
    usage = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}
    return [*made, {**head, "choices": [], "usage": usage}]


def whole(question: dict[str, object], calls: int) -> bytes:
    """The same for those who do not stream."""
    deltas = reply(question, calls)
    message: dict[str, object] = {"role": "assistant", "content": None}
    pieces = [one for delta in deltas for one in delta.get("tool_calls", ())]  # type: ignore[attr-defined]
    if pieces:
        text = "".join(one["function"]["arguments"] for one in pieces)
        function = {"name": pieces[0]["function"]["name"], "arguments": text}
        message["tool_calls"] = [{**pieces[0], "function": function}]
    else:
        message["content"] = "".join(str(delta.get("content") or "") for delta in deltas)
    finish = "tool_calls" if pieces else "stop"
    return json.dumps(
        {
            "id": "c",
            "object": "chat.completion",
            "created": 1,
            "model": "scripted",
            "choices": [{"index": 0, "message": message, "finish_reason": finish}],
            "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120},
        }
    ).encode()


async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, calls: int) -> None:
    """HTTP/1.1, kept alive."""
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            length = int(head.split("content-length:")[1].split("\r\n")[0])
            question = json.loads(await reader.readexactly(length))
            if question.get("stream"):
                start = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
                writer.write(start + b"transfer-encoding: chunked\r\n\r\n")
                lines = [WORD + json.dumps(c).encode() + b"\n\n" for c in chunks(question, calls)]
                for line in (*lines, b"data: [DONE]\n\n"):
                    writer.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")
                    await writer.drain()
                writer.write(b"0\r\n\r\n")
            else:
                body = whole(question, calls)
                start = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
                writer.write(start + f"content-length: {len(body)}\r\n\r\n".encode() + body)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def serve(calls: int) -> None:
    server = await asyncio.start_server(
        lambda reader, writer: handle(reader, writer, calls), "127.0.0.1", 0
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


@contextmanager
def serving(calls: int) -> Iterator[str]:
    child = subprocess.Popen(
        [sys.executable, __file__, str(calls)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert child.stdout is not None
        yield f"http://127.0.0.1:{int(child.stdout.readline())}"
    finally:
        child.kill()
        child.wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
