"""Servers of each wire protocol: they stream a conversation's answer as the real ones do."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from itertools import zip_longest
from typing import Any

from tests.broker.conversations import Conversation
from tests.serving import Handler, serving

PROMPT, COMPLETION = 37, 11
LOADED_TOKENS = 2048
Event = dict[str, Any]


def sse(event: Event, name: str | None = None) -> bytes:
    named = f"event: {name}\n" if name else ""
    return f"{named}data: {json.dumps(event, ensure_ascii=False)}\n\n".encode()


def openai(told: Conversation) -> Iterator[bytes]:
    """As api.openai.com: a role first, arguments by index, usage in a chunk of its own."""
    yield from _openai(told, {"content": ""}, "reasoning_content")
    yield b"data: [DONE]\n\n"


def lmstudio(told: Conversation) -> Iterator[bytes]:
    """As LM Studio: thoughts under `reasoning`, no empty content at the start."""
    yield from _openai(told, {}, "reasoning")
    yield b"data: [DONE]\n\n"


def llama_server(told: Conversation) -> Iterator[bytes]:
    """As llama.cpp: content null at the start, timings beside the usage."""
    yield from _openai(told, {"content": None}, "reasoning_content", timings={"cache_n": 0})
    yield b"data: [DONE]\n\n"


def _openai(told: Conversation, first: Event, thinks: str, **beside: Any) -> Iterator[bytes]:
    head = {
        "id": "chatcmpl-9",
        "object": "chat.completion.chunk",
        "created": 1763712000,
        "model": "m",
        "system_fingerprint": "fp_1",
    }

    def chunk(finish: str | None = None, **delta: Any) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return sse({**head, "choices": [choice]})

    yield chunk(role="assistant", **first)
    for text in told.thoughts:
        yield chunk(**{thinks: text})
    for text in told.text:
        yield chunk(content=text)
    begun = [
        {
            "index": at,
            "id": one.id,
            "type": "function",
            "function": {"name": one.name, "arguments": ""},
        }
        for at, one in enumerate(told.calls)
    ]
    rest = [
        [{"index": at, "function": {"arguments": piece}} for piece in one.pieces or ("{}",)]
        for at, one in enumerate(told.calls)
    ]
    if told.interleaved:
        yield chunk(tool_calls=begun)
        for row in zip_longest(*rest):
            yield chunk(tool_calls=[piece for piece in row if piece])
    else:
        for start, pieces in zip(begun, rest, strict=True):
            for piece in (start, *pieces):
                yield chunk(tool_calls=[piece])
    yield chunk(told.finish)
    if told.counted:
        usage = {
            "prompt_tokens": PROMPT,
            "completion_tokens": COMPLETION,
            "total_tokens": PROMPT + COMPLETION,
            "prompt_tokens_details": {"cached_tokens": 0},
        }
        yield sse({**head, "choices": [], "usage": usage, **beside})


def ollama(told: Conversation) -> Iterator[bytes]:
    """As Ollama: an object a line, calls whole, durations and counts in the last one."""

    def line(**rest: Any) -> bytes:
        head = {"model": "m", "created_at": "2026-11-21T10:00:00.123456789Z"}
        return json.dumps({**head, **rest}, ensure_ascii=False).encode() + b"\n"

    for text in told.thoughts:
        yield line(message={"role": "assistant", "content": "", "thinking": text}, done=False)
    for text in told.text:
        yield line(message={"role": "assistant", "content": text}, done=False)
    for at, one in enumerate(told.calls):
        function = {"index": at, "name": one.name, "arguments": json.loads(one.arguments)}
        call = {"id": one.id, "function": function}
        yield line(message={"role": "assistant", "content": "", "tool_calls": [call]}, done=False)
    counts = {"prompt_eval_count": PROMPT, "eval_count": COMPLETION} if told.counted else {}
    reason = "length" if told.finish == "length" else "stop"
    end = {"done": True, "done_reason": reason, "total_duration": 5191566416, **counts}
    yield line(message={"role": "assistant", "content": ""}, **end)


def anthropic(told: Conversation) -> Iterator[bytes]:
    """As api.anthropic.com: blocks that begin, go on and stop, and pings between."""

    def event(kind: str, **rest: Any) -> bytes:
        return sse({"type": kind, **rest}, kind)

    usage = {"input_tokens": 7, "cache_creation_input_tokens": 10, "cache_read_input_tokens": 20}
    yield event(
        "message_start",
        message={
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "m",
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {**usage, "output_tokens": 1},
        },
    )
    for number, (block, deltas) in enumerate(_blocks(told)):
        yield event("content_block_start", index=number, content_block=block)
        if number == 0:
            yield event("ping")
        for delta in deltas:
            yield event("content_block_delta", index=number, delta=delta)
        yield event("content_block_stop", index=number)
    reason = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}[told.finish]
    yield event(
        "message_delta",
        delta={"stop_reason": reason, "stop_sequence": None},
        usage={"output_tokens": COMPLETION},
    )
    yield event("message_stop")


def _blocks(told: Conversation) -> Iterator[tuple[Event, list[Event]]]:
    if told.thoughts:
        thoughts: list[Event] = [
            {"type": "thinking_delta", "thinking": text} for text in told.thoughts
        ]
        signed: Event = {"type": "signature_delta", "signature": "EqQBCgIYAhIM"}
        yield {"type": "thinking", "thinking": "", "signature": ""}, [*thoughts, signed]
    if told.text:
        yield (
            {"type": "text", "text": ""},
            [{"type": "text_delta", "text": text} for text in told.text],
        )
    for one in told.calls:
        block = {"type": "tool_use", "id": one.id, "name": one.name, "input": {}}
        pieces = ["", *one.pieces]  # the first one is always empty
        yield block, [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]


STREAMS: dict[str, Callable[[Conversation], Iterator[bytes]]] = {
    "openai": openai,
    "lmstudio": lmstudio,
    "llama-server": llama_server,
    "ollama": ollama,
    "anthropic": anthropic,
}
PATHS = {"ollama": "/api/chat", "anthropic": "/v1/messages"}
LISTINGS = {
    "ollama": ("/api/tags", {"models": [{"name": "m", "size": 1}]}),
    "anthropic": ("/v1/models", {"data": [{"type": "model", "id": "m"}], "has_more": False}),
    "lmstudio": (
        "/api/v0/models",
        {"data": [{"id": "m", "state": "loaded", "loaded_context_length": 4096}]},
    ),
}
PLAIN_LISTING = ("/v1/models", {"object": "list", "data": [{"id": "m", "object": "model"}]})


class WireServer(ThreadingHTTPServer):
    """`answer` is the next conversation, or a status, headers and a body to refuse with.

    `answers` come before it, one after the other. Of Ollama: how many tokens its model is
    loaded with (0: it is not), and was made for.
    """

    daemon_threads = True

    def __init__(self, provider: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.provider = provider
        self.answer: Any = None
        self.answers: list[Any] = []
        self.asked: list[tuple[str, dict[str, str], Any]] = []
        self.loaded_tokens, self.made_tokens = LOADED_TOKENS, 131_072

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(Handler):
    server: WireServer

    def do_GET(self) -> None:
        if self.server.provider == "llama-server" and self.path == "/props":
            props = {"default_generation_settings": {"n_ctx": 8192}}
            self.send(200, json.dumps(props).encode())
            return
        if self.server.provider == "ollama" and self.path == "/api/ps":
            given = self.server.loaded_tokens
            loaded = {"models": [{"name": "m:latest", "context_length": given}] if given else []}
            self.send(200, json.dumps(loaded).encode())
            return
        path, listing = LISTINGS.get(self.server.provider, PLAIN_LISTING)
        if self.path != path:
            self.send(404, b"{}")
        else:
            self.send(200, json.dumps(listing).encode())

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        headers = {key.lower(): value for key, value in self.headers.items()}
        self.server.asked.append((self.path, headers, body))
        if self.path == "/api/show":
            known = {"model_info": {"llama.context_length": self.server.made_tokens}}
            self.send(200, json.dumps(known).encode())
            return
        answer = self.server.answers.pop(0) if self.server.answers else self.server.answer
        if isinstance(answer, tuple):
            status, headers, body = answer
            self.send(status, body, **headers)
            return
        self.send_response(200)
        kind = "application/x-ndjson" if self.server.provider == "ollama" else "text/event-stream"
        self.send_header("content-type", kind)
        self.end_headers()
        pieces = answer if isinstance(answer, list) else STREAMS[self.server.provider](answer)
        for piece in pieces:
            self.wfile.write(piece)
            self.wfile.flush()


@contextmanager
def wire_server(provider: str) -> Iterator[WireServer]:
    server = WireServer(provider)
    with serving(server):
        yield server
