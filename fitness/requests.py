"""Requests over one kept connection, timed, as a client of a served process sends them."""

from __future__ import annotations

import http.client
import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

ANSWER_SECONDS = 10.0
ANSWER_BYTES_MAX = 16 * 2**20
TIMED_OUT = 0  # as a status: no answer, or no whole one


@dataclass(frozen=True)
class Request:
    """`name` is for people."""

    name: str
    method: str
    path: str
    body: bytes | None = None


@dataclass(frozen=True)
class Answer:
    """`seconds` until the last byte; `status` 0 when it never came."""

    status: int
    body: bytes
    seconds: float
    kind: str = ""


@contextmanager
def connection(url: str) -> Iterator[http.client.HTTPConnection]:
    parts = urlsplit(url)
    made = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=ANSWER_SECONDS)
    with closing(made):
        yield made


def send(made: http.client.HTTPConnection, request: Request) -> Answer:
    """The answer, whatever it is; a broken connection is opened anew by the next request."""
    headers = {"content-type": "application/json"} if request.body else {}
    began = time.perf_counter()
    try:
        made.request(request.method, request.path, request.body, headers)
        made.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        answer = made.getresponse()
        body = answer.read(ANSWER_BYTES_MAX)
        if answer.read(1):
            raise http.client.HTTPException("the answer is too long")
    except (OSError, http.client.HTTPException):
        made.close()
        return Answer(TIMED_OUT, b"", time.perf_counter() - began)
    kind = answer.headers.get_content_type()
    return Answer(answer.status, body, time.perf_counter() - began, kind)
