"""The candidate lives through what the world does to it: rubbish, a full disk, a sudden end.

Why: a service is not judged by its good days. Each fault is done to a process of the
candidate's own beside the served one; what current does not survive either is no fault
of the candidate.
"""

from __future__ import annotations

import os
import random
import signal
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from urllib.parse import urlsplit

import psutil

from fitness.beside import CANDIDATE, CURRENT, Beside, Unserved, beside
from fitness.requests import Request, connection, send
from fitness.subject import Subject
from fitness.verdict import Verdict, failed, passed

NAME = "faults"
QUESTION = "Does it live through rubbish, a full disk and a sudden end?"
STAGE = "work"
LIMIT_SECONDS = 120.0
SERVED = True
SEED = 7
SPEAK_SECONDS = 0.2  # how long one client of rubbish waits for an answer
IDLE_CONNECTIONS = 64
ORDERLY_SECONDS_MAX = 10.0
HEALTH = Request("/healthz", "GET", "/healthz")
PAGE = Request("the page", "GET", "/")
HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n"


def rubbish() -> tuple[bytes, ...]:
    """What clients send that are broken, lost or hostile; the same each time."""
    luck = random.Random(SEED)
    return (
        b"",
        b"\x00" * 4_096,
        luck.randbytes(8_192),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + luck.randbytes(256),  # a TLS hello
        b"GET /healthz HTTP/9.9\r\n\r\n",
        b"GET " + b"/a" * 50_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nx: " + b"y" * 200_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 20_000 + b"\r\n",
        HEAD + b"content-length: -5\r\n\r\n{}",
        HEAD + b"content-length: 99999999999999999999\r\n\r\n{}",
        HEAD + b"content-length: 100\r\n\r\n{",
        HEAD + b"transfer-encoding: chunked\r\n\r\nZZZ\r\n",
        HEAD + b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n{}",
        HEAD + b"content-length: 9\r\n\r\n\xff\xfe\xfd" + b"\x80" * 6,
    )


def judge(subject: Subject) -> Verdict:
    survived: list[str] = []
    for name, trial in TRIALS.items():
        wrong = trial(subject, CANDIDATE)
        if wrong is not None and trial(subject, CURRENT) is None:
            return failed(NAME, f"{name}: {wrong}", survived=survived)
        survived.append(name if wrong is None else f"{name} (current does not either)")
    return passed(NAME, f"it lives through {', '.join(survived)}")


def _rubbish(subject: Subject, which: str) -> str | None:
    try:
        with beside(subject.need, f"{NAME}-rubbish", (which,)) as (one,), ExitStack() as idle:
            for _ in range(IDLE_CONNECTIONS):
                idle.enter_context(_dialled(one))
            for at, text in enumerate(rubbish(), 1):
                _spoken(one, text)
                if (wrong := _unwell(one)) is not None:
                    return f"after message {at} of rubbish {wrong}"
            return None
    except Unserved as why:
        return f"it did not start: {why}"


def _full_disk(subject: Subject, which: str) -> str | None:
    """No file takes what is written to it, its own log included."""
    try:
        with beside(subject.need, f"{NAME}-disk", (which,), cramped=True) as (one,):
            _spoken(one, HEAD + b"content-length: 1\r\n\r\n{")  # something to write of
            return _unwell(one)
    except Unserved as why:
        return f"it does not start: {why}"


def _sudden_end(subject: Subject, which: str) -> str | None:
    """Killed while it is asked, another one starts; asked to end, it does so in time."""
    try:
        with beside(subject.need, f"{NAME}-killed", (which,)) as (one,), _dialled(one) as client:
            client.sendall(HEAD + b"content-length: 100\r\n\r\n{")
            os.kill(one.pid, signal.SIGKILL)
        with beside(subject.need, f"{NAME}-again", (which,)) as (one,):
            if (wrong := _unwell(one)) is not None:
                return f"started again, {wrong}"
            return _orderly(one)
    except Unserved as why:
        return f"it did not start again: {why}"


def _orderly(one: Beside) -> str | None:
    process = psutil.Process(one.pid)
    os.kill(one.pid, signal.SIGTERM)
    deadline = time.monotonic() + ORDERLY_SECONDS_MAX
    with suppress(psutil.NoSuchProcess):
        while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            if time.monotonic() > deadline:
                return f"asked to end, it goes on for more than {ORDERLY_SECONDS_MAX:g} s"
            with suppress(psutil.TimeoutExpired):
                process.wait(SPEAK_SECONDS)
    return None


TRIALS: dict[str, Callable[[Subject, str], str | None]] = {
    "rubbish": _rubbish,
    "a full disk": _full_disk,
    "a sudden end": _sudden_end,
}


def _dialled(one: Beside) -> socket.socket:
    parts = urlsplit(one.url)
    return socket.create_connection((str(parts.hostname), int(parts.port or 80)), timeout=5.0)


def _spoken(one: Beside, text: bytes) -> None:
    """Said to it, and a moment given to answer; whatever it does with that client is its own."""
    with suppress(OSError), _dialled(one) as client:
        client.settimeout(SPEAK_SECONDS)
        client.sendall(text)
        client.recv(4_096)


def _unwell(one: Beside) -> str | None:
    """What is wrong with its next answers to a proper client; None when nothing is."""
    with connection(one.url) as made:
        for request in (HEALTH, PAGE):
            answer = send(made, request)
            if answer.status != 200:
                return f"{request.name} answers {answer.status or 'nothing'}"
    return None
