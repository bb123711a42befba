"""How quick the way to a model is: through :7001 and the broker, the broker alone, and others.

    ops/bench.sh gateway [--requests N] [--peers]

One model server that costs nothing answers all of them; every reply is read and checked. The
broker meters, holds a budget and records, as at the door of the program that serves. With
--peers LiteLLM's proxy runs too, in an environment of its own. Each way is measured in turns, so
that a slow minute slows all. A peer that cannot be had is named on stderr.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from ops.processes import spawn
from ops.sockets import read_lines, send_line
from tests.bench.figures import Figure, show
from tests.orchestrator.program import ROOT, program

CHAT = "/v1/chat/completions"
BODY = json.dumps(
    {"model": "bench", "stream": True, "messages": [{"role": "user", "content": "hello " * 20}]}
).encode()
CLIENTS = 16
FIRST_TOKENS = 200
REQUESTS_DEFAULT = 10_000
PEER_REQUESTS_MAX = 600
ROUNDS = 4
UP_SECONDS = 240.0  # of a peer that loads a great deal
LIMIT_SECONDS = 12.0  # of one round, when the machine is slow
BUDGET_TOKENS = 10**9


@dataclass
class Way:
    """One way to the model: where, whose memory counts, and what was measured on it."""

    name: str
    address: str | tuple[str, int]
    pids: tuple[int, ...] = ()
    first_ms: list[float] = field(default_factory=list)
    waits_ms: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    rss: list[int] = field(default_factory=list)
    bad: int = 0

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self.address, str):
            return await asyncio.open_unix_connection(self.address)
        return await asyncio.open_connection(*self.address)

    def weigh(self) -> None:
        self.rss.append(sum(psutil.Process(pid).memory_info().rss for pid in self.pids))


ASK = (
    f"POST {CHAT} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    f"content-length: {len(BODY)}\r\n\r\n"
).encode() + BODY


async def ask(way: Way, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> float:
    """One whole stream, checked; gives the milliseconds to its first word."""
    began = time.perf_counter()
    writer.write(ASK)
    held, first = b"", 0.0
    while b"0\r\n\r\n" not in held[-16:]:
        async with asyncio.timeout(LIMIT_SECONDS):
            piece = await reader.read(65536)
        if not piece:
            break
        held += piece
        if not first and b'"content"' in held:
            first = (time.perf_counter() - began) * 1000
    good = held.startswith(b"HTTP/1.1 200") and b"[DONE]" in held and b"total_tokens" in held
    good = good and all(word in held for word in (b"one ", b"two ", b"three"))
    way.bad += not good
    return first


async def first_tokens(ways: list[Way], count: int) -> None:
    """One at a time, each way in its turn."""
    lines = [await way.connect() for way in ways]
    for _ in range(count):
        for way, line in zip(ways, lines, strict=True):
            way.first_ms.append(await ask(way, *line))
    for _, writer in lines:
        writer.close()


async def crowd(way: Way, count: int) -> None:
    """CLIENTS at once on kept connections, until `count` requests are answered."""
    left = count
    deadline = time.monotonic() + LIMIT_SECONDS
    done = 0

    async def one() -> None:
        nonlocal left, done
        reader, writer = await way.connect()
        while left > 0 and time.monotonic() < deadline:
            left -= 1
            began = time.perf_counter()
            await ask(way, reader, writer)
            way.waits_ms.append((time.perf_counter() - began) * 1000)
            done += 1
        writer.close()

    began = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(CLIENTS)))
    way.rates.append(done / (time.perf_counter() - began))
    way.weigh()


@contextmanager
def model() -> Iterator[tuple[str, int]]:
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listening:
        argv = [sys.executable, "-m", "tests.bench.gateway_model", str(listening.fileno())]
        with _child(argv, listening):
            yield listening.getsockname()


@contextmanager
def _child(argv: list[str], listening: socket.socket | None = None) -> Iterator[int]:
    fds = [listening.fileno()] if listening else []
    made = subprocess.Popen(argv, cwd=ROOT, pass_fds=fds, stdout=subprocess.DEVNULL)
    try:
        yield made.pid
    finally:
        made.kill()
        made.wait()


@contextmanager
def broker(folder: Path, base: str) -> Iterator[tuple[str, int]]:
    """The real one, with a budget, metering and recording; its socket and pid."""
    for room in ("state", "run", "logs", "door"):
        (folder / room).mkdir()
    (folder / "org.toml").write_text(f'[model]\nbase = "{base}"\nname = "bench"\n')
    ours, theirs = socket.socketpair()
    ours.settimeout(UP_SECONDS)
    argv = [sys.executable, "-I", str(ROOT / "ops/boot.py"), "daemon.broker", "--home", str(folder)]
    child = spawn(argv, environment={"PATH": os.environ["PATH"]}, fds={4: theirs.fileno()})
    theirs.close()
    heard = read_lines(ours)
    try:
        next(line for line in heard if "ready" in line)
        limits = {"tokens_max": BUDGET_TOKENS, "recent": str(folder / "state/recent.jsonl")}
        directory = str(folder / "door")
        send_line(ours, {"id": 1, "do": "open", "cell": "b", "directory": directory, **limits})
        opened = next(line for line in heard if line.get("id") == 1)
        assert "ok" in opened, opened
        yield str(folder / "door/llm"), child.pid
    finally:
        ours.close()
        child.kill()
        child.close()


@contextmanager
def litellm(folder: Path, base: str) -> Iterator[Way]:
    """LiteLLM's proxy, one worker, in an environment of its own."""
    uv = str(Path(sys.executable).parent / "uv")
    subprocess.run([uv, "venv", "-q", "--python", sys.executable, str(folder)], check=True)
    python = str(folder / "bin/python")
    subprocess.run([uv, "pip", "install", "-q", "--python", python, "litellm[proxy]"], check=True)
    asked = {"model": "openai/bench", "api_base": f"{base}/v1", "api_key": "none"}
    listed = [{"model_name": "bench", "litellm_params": asked}]
    alone = {"dangerously_permit_weak_or_unset_master_key": True}  # else it does not start
    config = {"model_list": listed, "general_settings": alone}
    (folder / "config.yaml").write_text(json.dumps(config))
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    argv = [str(folder / "bin/litellm"), "--config", str(folder / "config.yaml")]
    with _child([*argv, "--host", "127.0.0.1", "--port", str(port)]) as pid:
        _until_up(("127.0.0.1", port))
        yield Way("litellm", ("127.0.0.1", port), (pid,))


def _until_up(address: tuple[str, int]) -> None:
    deadline = time.monotonic() + UP_SECONDS
    while True:
        try:
            socket.create_connection(address, 1.0).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def ways(stack: ExitStack, folder: Path, with_peers: bool) -> list[Way]:
    """Direct, :7001, the broker alone, a bare pass-through, and LiteLLM when asked for."""
    place = stack.enter_context(model())
    base = f"http://{place[0]}:{place[1]}"
    (folder / "home").mkdir()
    way, broker_pid = stack.enter_context(broker(folder / "home", base))
    listening = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=512))
    web = json.dumps({"requests_per_second_max": 1e6})
    running = stack.enter_context(program(listening, ORG_BROKER=way, ORG_WEB=web))
    running.until("ready")
    bare = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=512))
    argv = [sys.executable, "-m", "tests.bench.gateway_bare", str(bare.fileno()), base]
    bare_pid = stack.enter_context(_child(argv, bare))
    made = [
        Way("direct", place),
        Way("org", listening.getsockname(), (running.child.pid, broker_pid)),
        Way("broker", way, (broker_pid,)),
        Way("starlette_httpx", bare.getsockname(), (bare_pid,)),
    ]
    if with_peers:
        try:
            made.append(stack.enter_context(litellm(folder / "litellm", base)))
        except (OSError, subprocess.CalledProcessError) as error:
            print(f"litellm is absent: {error}", file=sys.stderr)
    return made


def told(way: Way, direct: Way) -> dict[str, float]:
    waits = sorted(way.waits_ms)
    return {
        "added_first_token_ms": round(_median(way.first_ms) - _median(direct.first_ms), 3),
        "rps": round(statistics.median(way.rates), 1),
        "p99_ms": round(waits[int(0.99 * (len(waits) - 1))], 2),
        "rss_growth_ratio": round(way.rss[-1] / way.rss[0], 3) if way.rss[0] else 1.0,
        "bad": way.bad,
    }


def _median(values: list[float]) -> float:
    return statistics.median(values)


UNITS = {"added_first_token_ms": "ms", "rps": "1/s", "p99_ms": "ms",
         "rss_growth_ratio": "after / before", "bad": "replies"}  # fmt: skip


def figures(org: Way, direct: Way) -> dict[str, Figure]:
    spread: dict[str, tuple[float, float]] = {"rps": (min(org.rates), max(org.rates))}
    return {
        name: Figure(value, UNITS[name], spread.get(name))
        for name, value in told(org, direct).items()
    }


async def measure(every: list[Way], requests: int) -> None:
    """A short round warms each way; it is forgotten, but for the memory that it left."""
    for way in every[1:]:
        await crowd(way, 200)
        way.waits_ms.clear()
        way.rates.clear()
    await first_tokens(every, FIRST_TOKENS)
    for _ in range(ROUNDS):
        for way in every[1:]:
            most = PEER_REQUESTS_MAX if way.name == "litellm" else requests
            await crowd(way, most // ROUNDS)


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="gateway")
    parser.add_argument("--requests", type=int, default=REQUESTS_DEFAULT)
    parser.add_argument("--peers", action="store_true", help="also LiteLLM's proxy")
    flags = parser.parse_args(argv)
    with ExitStack() as stack, tempfile.TemporaryDirectory(prefix="org-gw-") as name:
        every = ways(stack, Path(name), flags.peers)
        asyncio.run(measure(every, flags.requests))
        direct, org, *others = every
        peers: dict[str, Any] = {way.name: told(way, direct) for way in others}
        show("gateway", figures(org, direct), peers)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
