"""What a client does to a connection: too much, too slow, too many (attacks W5 and W6)."""

from __future__ import annotations

import json
import resource
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import psutil
import pytest

from tests.orchestrator.program import CHAT, HELLO, SECONDS, Program, get, program
from tests.orchestrator.scripted_broker import Answering, scripted_broker

GROWTH_BYTES_MAX = 64 * 2**20
IDLE_BYTES_MAX = 32 * 2**10  # of memory, for each connection that says nothing
HEAD = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n"


@pytest.fixture(scope="module")
def place() -> Iterator[tuple[socket.socket, Program]]:
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listening:
        with program(listening) as running:
            running.until("ready")
            yield listening, running


def sent(listening: socket.socket, raw: bytes) -> bytes:
    """What comes back; a server that closes while we write has answered too."""
    with socket.create_connection(listening.getsockname(), timeout=SECONDS) as client:
        with suppress(ConnectionError):  # it had enough; its answer is read below
            client.sendall(raw)
        held = b""
        try:
            while piece := client.recv(65536):
                held += piece
                if b"connection: close" not in held and b"\r\n\r\n" in held:
                    break
        except ConnectionError:
            pass  # cut after the answer
    return held


@pytest.mark.parametrize(
    "raw",
    [
        HEAD + b"x: " + b"y" * 1_000_000 + b"\r\n\r\n",
        HEAD + b"".join(b"x%d: y\r\n" % n for n in range(1000)) + b"\r\n",
        b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nhost: localhost\r\n\r\n",
        HEAD + b"x" * 300_000,
    ],
    ids=["long header", "many headers", "long path", "endless name"],
)
def test_a_head_without_end_is_refused(place: tuple[socket.socket, Program], raw: bytes) -> None:
    """4xx in one sentence, or cut off; the process goes on and keeps nothing of it."""
    listening, running = place
    said = sent(listening, raw)
    assert said == b"" or b" 431 " in said.split(b"\r\n")[0] or b" 400 " in said.split(b"\r\n")[0]
    assert get(listening, "/healthz").status_code == 200
    assert running.do("stats")["stats"]["errors"] == 0


def test_a_hundred_megabytes_leave_memory_flat(place: tuple[socket.socket, Program]) -> None:
    """Refused at the limit, whether it is declared or comes in chunks."""
    listening, running = place
    before = running.do("stats")["stats"]["rss"]
    head = f"POST {CHAT} HTTP/1.1\r\nhost: localhost\r\n".encode()
    block = b"x" * 2**20
    declared = sent(listening, head + b"content-length: 104857600\r\n\r\n" + block * 4)
    assert b" 413 " in declared.split(b"\r\n")[0]
    with socket.create_connection(listening.getsockname(), timeout=SECONDS) as client:
        client.sendall(head + b"transfer-encoding: chunked\r\n\r\n")
        try:
            for _ in range(100):
                client.sendall(b"%x\r\n%s\r\n" % (len(block), block))
        except ConnectionError:
            pass  # refused before its end, as it should be
    assert running.do("stats")["stats"]["rss"] - before < GROWTH_BYTES_MAX
    assert get(listening, "/healthz").status_code == 200


def test_idle_connections_make_room(tmp_path: Path) -> None:
    """More than fit: the oldest idle ones go, those who ask are served, descriptors return."""
    count, most = 300, 64
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listening:
        web = json.dumps({"connections_max": most})
        with program(listening, ORG_WEB=web) as running, ExitStack() as stack:
            running.until("ready")
            before = running.do("stats")["stats"]["descriptors"]
            for _ in range(count):
                stack.enter_context(socket.create_connection(listening.getsockname()))
            for _ in range(5):
                assert get(listening, "/healthz").status_code == 200
            assert running.do("stats")["stats"]["connections"] <= most + 1
            stack.close()
            assert until(lambda: running.do("stats")["stats"]["descriptors"] <= before + 1)


@pytest.mark.attack
def test_five_thousand_idle_connections_keep_nobody_waiting() -> None:
    """All are held, a request is answered meanwhile, and memory stays bounded."""
    count = 5000
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert hard > 3 * count, "ulimit -Hn 16384"
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        with socket.create_server(("127.0.0.1", 0), backlog=2048) as listening:
            web = json.dumps({"connections_max": count + 100})
            with program(listening, ORG_WEB=web) as running, ExitStack() as stack:
                running.until("ready")
                before = running.do("stats")["stats"]
                for _ in range(count):
                    stack.enter_context(socket.create_connection(listening.getsockname()))
                assert until(lambda: running.do("stats")["stats"]["connections"] == count)
                began = time.monotonic()
                assert get(listening, "/healthz").status_code == 200
                assert time.monotonic() - began < 2.0
                held = running.do("stats")["stats"]["rss"] - before["rss"]
                assert held / count < IDLE_BYTES_MAX
                stack.close()
                least = before["descriptors"] + 1
                assert until(lambda: running.do("stats")["stats"]["descriptors"] <= least)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_connections_reset_in_the_midst_leave_nothing(tmp_path: Path) -> None:
    """A hundred streams reset by their readers: descriptors return, the broker is freed."""

    def play(broker: Answering) -> None:
        broker.head()
        broker.delta("word")
        broker.until_gone()

    body = json.dumps(HELLO | {"stream": True}).encode()
    head = f"POST {CHAT} HTTP/1.1\r\nhost: localhost\r\n".encode()
    head += f"content-length: {len(body)}\r\n\r\n".encode()
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listening:
        with scripted_broker(tmp_path / "b", play) as broker:
            with program(listening, ORG_BROKER=broker.path) as running:
                running.until("ready")
                before = running.do("stats")["stats"]["descriptors"]
                for _ in range(40):
                    client = socket.create_connection(listening.getsockname(), timeout=SECONDS)
                    client.sendall(head + body)
                    assert b" 200 " in client.recv(200)
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    client.close()  # a reset
                assert until(lambda: running.do("stats")["stats"]["in_flight"] == 0)
                assert until(lambda: running.do("stats")["stats"]["descriptors"] <= before + 2)
                assert running.do("stats")["stats"]["errors"] == 0


def test_a_slow_writer_keeps_nobody_waiting(place: tuple[socket.socket, Program]) -> None:
    """Half of a head, half of a body: others are served meanwhile."""
    listening, _ = place
    with ExitStack() as stack:
        for raw in (b"GET / HT", b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\n"
                    b"content-length: 500\r\n\r\n{"):  # fmt: skip
            for _ in range(20):
                client = stack.enter_context(socket.create_connection(listening.getsockname()))
                client.sendall(raw)
        began = time.monotonic()
        assert get(listening, "/healthz").status_code == 200
        assert time.monotonic() - began < 2.0


def test_a_slow_reader_holds_little(tmp_path: Path) -> None:
    """A reader that takes nothing stops the stream; what is held for it is bounded."""
    told = 0

    def play(broker: Answering) -> None:
        nonlocal told
        broker.head()
        broker.connection.settimeout(1.0)
        try:
            for _ in range(400):
                broker.delta("x" * 2**17)
                told += 2**17
        except OSError:
            pass  # nobody takes more: as wanted

    body = json.dumps(HELLO | {"stream": True}).encode()
    head = f"POST {CHAT} HTTP/1.1\r\nhost: localhost\r\n".encode()
    head += f"content-length: {len(body)}\r\n\r\n".encode()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        with scripted_broker(tmp_path / "b", play) as broker:
            with program(listening, ORG_BROKER=broker.path) as running:
                running.until("ready")
                before = running.do("stats")["stats"]["rss"]
                with socket.create_connection(listening.getsockname()) as client:
                    client.sendall(head + body)
                    assert until(lambda: _still(lambda: told))
                    assert told < 40 * 2**20
                    assert running.do("stats")["stats"]["rss"] - before < GROWTH_BYTES_MAX
                    assert get(listening, "/healthz").status_code == 200


def _still(value: object) -> bool:
    """Whether it has stopped growing."""
    assert callable(value)
    first = value()
    time.sleep(0.5)
    return bool(first and value() == first)


def until(holds: object) -> bool:
    assert callable(holds)
    deadline = time.monotonic() + SECONDS
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def test_the_limits_are_known_to_the_kernel(place: tuple[socket.socket, Program]) -> None:
    """As many descriptors as the process may have, for as many callers as it may serve."""
    _, running = place
    soft, hard = psutil.Process(running.child.pid).rlimit(psutil.RLIMIT_NOFILE)
    assert soft == hard == resource.getrlimit(resource.RLIMIT_NOFILE)[1]
