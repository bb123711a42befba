"""Whatever is sent as a completion request: told in OpenAI's shape, and the process goes on."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from tests.orchestrator.program import SECONDS, Program, get, post, program

USER = b'{"role": "user", "content": "x"}'


def asking(more: bytes) -> bytes:
    return b'{"messages": [' + USER + b"], " + more + b"}"


@pytest.fixture(scope="module")
def place() -> Iterator[socket.socket]:
    """One process for all bad requests; it must outlive each of them."""
    with socket.create_server(("127.0.0.1", 0)) as listening, program(listening) as running:
        running.until("ready")
        yield listening


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "invalid_json"),
        (b"{", 400, "invalid_json"),
        (b'\xef\xbb\xbf{"messages": []}', 400, "invalid_json"),
        (b'{"messages": "\xff"}', 400, "invalid_json"),
        (b'{"a": 1, "a": 2}', 400, "invalid_json"),
        (b"[" * 100_000, 400, "invalid_json"),
        (b'{"messages": ' + b"[" * 500 + b"]" * 500 + b"}", 400, "invalid_json"),
        (asking(b'"temperature": NaN'), 400, "invalid_json"),
        (asking(b'"temperature": 1e999'), 400, "invalid_json"),
        (asking(b'"n": 1' + b"0" * 5000), 400, "invalid_json"),
        (asking(b'"user": "half \\ud800 of a character"'), 400, "invalid_json"),
        (b"[]", 400, "invalid_type"),
        (b'"text"', 400, "invalid_type"),
        (b"{}", 400, "missing_required_parameter"),
        (b'{"messages": null}', 400, "missing_required_parameter"),
        (b'{"messages": []}', 400, "invalid_type"),
        (b'{"messages": {}}', 400, "invalid_type"),
        (b'{"messages": [1]}', 400, "invalid_value"),
        (b'{"messages": [{"content": "x"}]}', 400, "invalid_value"),
        (b'{"messages": [{"role": "king"}]}', 400, "invalid_value"),
        (b'{"messages": [{"role": ["user"]}]}', 400, "invalid_value"),
        (b'{"messages": [{"role": "user", "content": 3}]}', 400, "invalid_type"),
        (b'{"messages": [{"role": "user", "content": ["x"]}]}', 400, "invalid_type"),
        (asking(b'"stream": 1'), 400, "invalid_type"),
        (asking(b'"stream": "yes"'), 400, "invalid_type"),
        (asking(b'"temperature": true'), 400, "invalid_type"),
        (asking(b'"max_tokens": 1.5'), 400, "invalid_type"),
        (asking(b'"max_tokens": true'), 400, "invalid_type"),
        (asking(b'"model": 1'), 400, "invalid_type"),
        (asking(b'"tools": {}'), 400, "invalid_type"),
        (asking(b'"tools": [1]'), 400, "invalid_type"),
        (b'{"x": "' + b"y" * (17 * 2**20) + b'"}', 413, "body_too_large"),
        (asking(b'"user": "a whole \\ud83d\\ude00"'), 503, "model_unreachable"),
    ],
    ids=lambda value: repr(value)[:48],
)
def test_bad_requests_are_told_in_openais_shape(
    place: socket.socket, body: bytes, status: int, code: str
) -> None:
    """One sentence each; a request that is well but finds no broker is told so too."""
    answer = post(place, body)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (status, code)
    assert error["message"]
    assert error["type"] == ("invalid_request_error" if status < 500 else "server_error")
    assert "param" in error
    assert get(place, "/healthz").status_code == 200


def test_a_client_that_leaves_in_the_midst_of_its_body_is_no_error(
    listening: socket.socket,
) -> None:
    """Probation counts errors: a peer must not be able to make some."""
    with program(listening) as running:
        running.until("ready")
        with socket.create_connection(listening.getsockname()) as client:
            client.sendall(
                b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\n"
                b"content-length: 99\r\n\r\n{"
            )
            until_in_flight(running, 1)
        until_in_flight(running, 0)
        assert running.do("stats")["stats"]["errors"] == 0


def until_in_flight(running: Program, wanted: int) -> None:
    deadline = time.monotonic() + SECONDS
    while running.do("stats")["stats"]["in_flight"] != wanted:
        assert time.monotonic() < deadline
