"""Model calls through the orchestrator: as they come, freed when nobody listens, never half."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from daemon.orchestrator.server import LAST_ANSWERS_SECONDS
from tests.orchestrator.program import CHAT, HELLO, SECONDS, get, program, url
from tests.orchestrator.scripted_broker import Answering, delta, scripted_broker

STREAM = HELLO | {"stream": True}


def rows(answer: httpx.Response) -> Iterator[str]:
    return (line.removeprefix("data: ") for line in answer.iter_lines() if line)


def test_each_delta_arrives_before_the_next_is_said(
    listening: socket.socket, tmp_path: Path
) -> None:
    """The broker says a word only after the one before was heard at the other end."""
    words, heard = ["one", "two", "three"], threading.Semaphore(0)

    def play(broker: Answering) -> None:
        broker.head()
        for word in words:
            broker.delta(word)
            assert heard.acquire(timeout=SECONDS)
        broker.done()

    with scripted_broker(tmp_path / "b", play) as broker:
        with program(listening, ORG_BROKER=broker.path):
            with httpx.stream("POST", url(listening, CHAT), json=STREAM, timeout=SECONDS) as answer:
                assert answer.headers["content-type"].startswith("text/event-stream")
                said = rows(answer)
                for word in words:
                    assert json.loads(next(said)) == delta(word)
                    heard.release()
                assert list(said) == ["[DONE]"]


def test_a_plain_completion_and_an_error_come_back_as_they_are(
    listening: socket.socket, tmp_path: Path
) -> None:
    """Status and body of the broker's answer, whatever they are."""

    def play(broker: Answering) -> None:
        assert broker.asked["messages"] == HELLO["messages"]
        broker.head(429 if broker.asked["model"] == "dear" else 200, "application/json")
        broker.piece(json.dumps({"echo": broker.asked["model"]}).encode())
        broker.piece(b"")

    with scripted_broker(tmp_path / "b", play) as broker:
        with program(listening, ORG_BROKER=broker.path):
            for model, status in (("m", 200), ("dear", 429)):
                asked = HELLO | {"model": model}
                answer = httpx.post(url(listening, CHAT), json=asked, timeout=SECONDS)
                assert (answer.status_code, answer.json()) == (status, {"echo": model})


def test_a_refusal_says_when_to_ask_again(listening: socket.socket, tmp_path: Path) -> None:
    """As the broker says it; and the next answer on the same connection does not."""
    waits = [{"retry_after": "7"}, {}]

    def play(broker: Answering) -> None:
        broker.close_connection = False
        broker.head(429, "application/json", **waits.pop(0))
        broker.piece(b"{}")
        broker.piece(b"")

    with scripted_broker(tmp_path / "b", play) as broker:
        with program(listening, ORG_BROKER=broker.path):
            asked = [httpx.post(url(listening, CHAT), json=HELLO) for _ in range(2)]
            assert [one.headers.get("retry-after") for one in asked] == ["7", None]


@pytest.mark.parametrize("said", [0, 1])
def test_a_client_that_leaves_frees_the_broker(
    listening: socket.socket, tmp_path: Path, said: int
) -> None:
    """In the midst of a stream, and also while the model still thinks."""
    asked = threading.Event()

    def play(broker: Answering) -> None:
        if said:
            broker.head()
            broker.delta("word")
        asked.set()
        broker.until_gone()

    with scripted_broker(tmp_path / "b", play) as broker:
        with program(listening, ORG_BROKER=broker.path) as running:
            with socket.create_connection(listening.getsockname(), timeout=SECONDS) as client:
                body = json.dumps(STREAM).encode()
                head = f"POST {CHAT} HTTP/1.1\r\nhost: localhost\r\n"
                head += f"content-length: {len(body)}\r\n\r\n"
                client.sendall(head.encode() + body)
                assert asked.wait(SECONDS)
                if said:
                    assert client.recv(100).startswith(b"HTTP/1.1 200")
            assert broker.gone.wait(SECONDS)
            running.until("ready")
            assert get(listening, "/healthz").status_code == 200
            assert running.do("stats")["stats"]["errors"] == 0


@pytest.mark.parametrize("stream", [True, False])
def test_an_answer_that_breaks_off_does_not_look_whole(
    listening: socket.socket, tmp_path: Path, stream: bool
) -> None:
    """A stream ends with an error event, a plain answer is cut."""

    def play(broker: Answering) -> None:
        broker.head(200, "text/event-stream" if stream else "application/json")
        broker.piece(b'data: {"cho')

    with scripted_broker(tmp_path / "b", play) as broker:
        with program(listening, ORG_BROKER=broker.path):
            asked = HELLO | {"stream": stream}
            if not stream:
                with pytest.raises(httpx.RemoteProtocolError):
                    httpx.post(url(listening, CHAT), json=asked, timeout=SECONDS)
                return
            answer = httpx.post(url(listening, CHAT), json=asked, timeout=SECONDS)
            last = answer.text.strip().split("\n")[-1].removeprefix("data: ")
            assert json.loads(last)["error"]["code"] == "model_cut"


@pytest.mark.parametrize("seconds", [0.0, LAST_ANSWERS_SECONDS + 0.5])
def test_a_stream_in_flight_outlives_a_drain_and_a_stop(
    listening: socket.socket, tmp_path: Path, seconds: float
) -> None:
    """What was begun is finished, however long; then it says that it is idle, and ends."""
    go_on = threading.Event()

    def play(broker: Answering) -> None:
        broker.head()
        broker.delta("begun")
        assert go_on.wait(SECONDS)
        broker.delta("finished")
        broker.done()

    with scripted_broker(tmp_path / "b", play) as broker:
        with program(listening, ORG_BROKER=broker.path) as running:
            with httpx.stream("POST", url(listening, CHAT), json=STREAM, timeout=SECONDS) as answer:
                said = rows(answer)
                assert json.loads(next(said)) == delta("begun")
                assert running.do("drain")["connections"] == 1
                running.do("stop")
                threading.Timer(seconds, go_on.set).start()
                assert [json.loads(next(said)), next(said)] == [delta("finished"), "[DONE]"]
            running.until("idle")
            assert running.child.wait(SECONDS) == 0


def test_connections_to_the_broker_are_kept(listening: socket.socket, tmp_path: Path) -> None:
    """One after the other they take the same one; one that the broker closed is not asked again."""
    used: list[int] = []

    def play(broker: Answering) -> None:
        used.append(id(broker))
        broker.close_connection = broker.asked["model"] == "last"
        broker.head(connection="close" if broker.close_connection else "keep-alive")
        broker.delta("word")
        broker.done()

    with scripted_broker(tmp_path / "b", play) as broker:
        with program(listening, ORG_BROKER=broker.path):
            for model in ("m", "m", "last", "m"):
                body = STREAM | {"model": model}
                answer = httpx.post(url(listening, CHAT), json=body, timeout=SECONDS)
                assert "[DONE]" in answer.text
    assert len(used) == 4
    assert len(set(used[:3])) == 1
    assert used[3] != used[2]
