"""Stands before the model: counts calls and tokens of whoever asks, and allows so many calls."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from typing import Any

import httpx

from tests.serving import Handler, serving

CALL_SECONDS = 900.0
CHARS_PER_TOKEN = 4


@dataclass
class Count:
    """What one contestant spent on one goal; `replies` are the texts it got."""

    calls_max: int
    calls: int = 0
    refused: int = 0
    tokens: int = 0
    replies: list[str] = field(default_factory=list)


class Proxy(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, upstream: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.upstream = upstream
        self.count = Count(0)
        self.lock = threading.Lock()

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def fresh(self, calls_max: int) -> Count:
        """A new count; what others began before goes on with theirs."""
        self.count = Count(calls_max)
        return self.count


class _Handler(Handler):
    protocol_version = "HTTP/1.1"
    server: Proxy

    def do_GET(self) -> None:
        answer = httpx.get(f"{self.server.upstream}{self.path}", timeout=30, trust_env=False)
        self.send(answer.status_code, answer.content)

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        count = self.server.count
        if not self.path.endswith("/chat/completions"):
            self.send(404, b'{"error": {"message": "only chat completions are measured"}}')
            return
        with self.server.lock:
            if count.calls >= count.calls_max:
                count.refused += 1
                self.send(400, b'{"error": {"message": "the calls of this goal are used up"}}')
                return
            count.calls += 1
        body = json.loads(raw)
        try:
            self._stream(body, count) if body.get("stream") else self._whole(body, count)
        except (httpx.HTTPError, OSError):
            self.close_connection = True

    def _whole(self, body: dict[str, Any], count: Count) -> None:
        url = f"{self.server.upstream}/v1/chat/completions"
        answer = httpx.post(url, json=body, timeout=CALL_SECONDS, trust_env=False)
        if answer.status_code == 200:
            found = answer.json()
            text = str(found["choices"][0]["message"].get("content") or "")
            _add(count, body, text, found.get("usage"))
        self.send(answer.status_code, answer.content)

    def _stream(self, body: dict[str, Any], count: Count) -> None:
        body["stream_options"] = {"include_usage": True}
        url = f"{self.server.upstream}/v1/chat/completions"
        text, usage = "", None
        with httpx.stream("POST", url, json=body, timeout=CALL_SECONDS, trust_env=False) as answer:
            self.send_response(answer.status_code)
            self.send_header("content-type", answer.headers.get("content-type", ""))
            self.send_header("connection", "close")
            self.end_headers()
            self.close_connection = True
            for line in answer.iter_lines():
                self.wfile.write(line.encode() + b"\n")
                self.wfile.flush()
                if line.startswith("data: {"):
                    chunk = json.loads(line[6:])
                    usage = chunk.get("usage") or usage
                    for choice in chunk.get("choices", ()):
                        text += (choice.get("delta") or {}).get("content") or ""
        _add(count, body, text, usage)


def _add(count: Count, body: dict[str, Any], text: str, usage: dict[str, Any] | None) -> None:
    asked = sum(len(str(message.get("content"))) for message in body["messages"])
    guess = (asked + len(text)) // CHARS_PER_TOKEN
    count.tokens += int((usage or {}).get("total_tokens") or guess)
    count.replies.append(text)


@contextmanager
def proxy(upstream: str) -> Iterator[Proxy]:
    server = Proxy(upstream.rstrip("/").removesuffix("/v1"))
    with serving(server):
        yield server
