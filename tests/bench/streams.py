"""A thousand listen to :7001: how soon all of them know, and whether it answers meanwhile.

    ops/bench.sh streams [--streams N] [--events N] [--burst N]

Events are told one at a time, each awaited by everyone, and then in one burst. All the while
/healthz and the page are asked on connections of their own. The supervisor's door is real.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import psutil

from daemon.core.events import Kind
from tests.bench.figures import Figure, show
from tests.orchestrator.house import House, filled, house, served

STREAMS, EVENTS, BURST = 1_000, 20, 100
OPENED_AT_ONCE = 50
LIMIT_SECONDS = 60.0  # of anything that is waited for
PAUSE_SECONDS = 0.01  # between two probes
SETTLE_SECONDS = 1.0  # for the probes to see the program at rest, or with all who listen
MARK = b"event: org\n"
HEAD = "GET {} HTTP/1.1\r\nhost: localhost\r\naccept: {}\r\n\r\n"
TOLD = {"passed": True, "seconds": 1.0, "reason": "ok", "stage": "work"}
Place = tuple[str, int]


@dataclass
class Crowd:
    """All who listen, and when each of them had how many events."""

    wanted: int = 0
    left: int = 0
    complete: asyncio.Event = field(default_factory=asyncio.Event)
    arrived: list[float] = field(default_factory=list)

    def expect(self, streams: int, events: int) -> None:
        """From now on: each of so many hears so many more."""
        self.wanted += events
        self.left = streams
        self.arrived.clear()
        self.complete.clear()

    def has_all(self) -> None:
        self.arrived.append(time.perf_counter())
        self.left -= 1
        if self.left == 0:
            self.complete.set()


class Listener(asyncio.Protocol):
    """One stream; what it hears is counted."""

    def __init__(self, crowd: Crowd) -> None:
        self.crowd = crowd
        self.heard, self.tail, self.status = 0, b"", b""
        self.open = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        transport.write(HEAD.format("/api/events", "text/event-stream").encode())

    def data_received(self, data: bytes) -> None:
        found = self.tail + data
        self.status = self.status or data[:12]
        if b"retry:" in found and not self.open.done():
            self.open.set_result(self.status == b"HTTP/1.1 200")
        self.tail = found[1 - len(MARK) :]
        before, self.heard = self.heard, self.heard + found.count(MARK)
        if before < self.crowd.wanted <= self.heard:
            self.crowd.has_all()


async def listen(crowd: Crowd, place: Place, streams: int) -> list[asyncio.BaseTransport]:
    opened: list[asyncio.BaseTransport] = []
    while len(opened) < streams:
        count = min(OPENED_AT_ONCE, streams - len(opened))
        loop = asyncio.get_running_loop()
        made = await asyncio.gather(
            *(loop.create_connection(lambda: Listener(crowd), *place) for _ in range(count))
        )
        async with asyncio.timeout(LIMIT_SECONDS):
            assert all(await asyncio.gather(*(one.open for _, one in made)))
        opened += [transport for transport, _ in made]
    return opened


@asynccontextmanager
async def probed(place: Place, path: str) -> AsyncIterator[list[float]]:
    """Milliseconds of each answer while this is open; every answer is checked."""
    waits: list[float] = []
    reader, writer = await asyncio.open_connection(*place, limit=2**20)

    async def ask() -> None:
        while True:
            began = time.perf_counter()
            writer.write(HEAD.format(path, "*/*").encode())
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200"), head
            length = head.lower().split(b"content-length: ")[1].split(b"\r")[0]
            await reader.readexactly(int(length))
            waits.append((time.perf_counter() - began) * 1000)
            await asyncio.sleep(PAUSE_SECONDS)

    asking = asyncio.create_task(ask())
    try:
        yield waits
    finally:
        assert not asking.done(), asking.exception()
        asking.cancel()
        writer.close()


async def told(here: House, crowd: Crowd, streams: int, events: int) -> list[float]:
    """Milliseconds from the first word until each listener had all of them."""
    crowd.expect(streams, events)
    began = time.perf_counter()

    def tell() -> None:
        for number in range(events):
            here.tell(Kind.GATE_ENDED, "20261121T000000Z", name=f"gate-{number}", **TOLD)

    await asyncio.to_thread(tell)
    async with asyncio.timeout(LIMIT_SECONDS):
        await crowd.complete.wait()
    return [(at - began) * 1000 for at in crowd.arrived]


async def measure(
    here: House, place: Place, pid: int, flags: argparse.Namespace
) -> dict[str, Figure]:
    crowd, waits = Crowd(), []
    async with probed(place, "/healthz") as health, probed(place, "/") as page:
        await asyncio.sleep(SETTLE_SECONDS)
        alone, small = at(health, 0.99), psutil.Process(pid).memory_info().rss
        began = time.perf_counter()
        opened = await listen(crowd, place, flags.streams)
        took = time.perf_counter() - began
        await asyncio.sleep(SETTLE_SECONDS)
        health.clear()
        page.clear()
        for _ in range(flags.events):
            waits += await told(here, crowd, flags.streams, 1)
        burst = max(await told(here, crowd, flags.streams, flags.burst))
        grown = (psutil.Process(pid).memory_info().rss - small) / 2**20
        for transport in opened:
            transport.close()
        return {
            "streams": Figure(len(opened), "listening"),
            "opened_s": Figure(round(took, 2), "s"),
            "event_p50_ms": Figure(at(waits, 0.5), "ms"),
            "event_p99_ms": Figure(at(waits, 0.99), "ms"),
            "event_max_ms": Figure(at(waits, 1.0), "ms"),
            f"burst_of_{flags.burst}_s": Figure(round(burst / 1000, 3), "s"),
            "healthz_alone_p99_ms": Figure(alone, "ms"),
            "healthz_p99_ms": Figure(at(health, 0.99), "ms", (min(health), max(health))),
            "page_p99_ms": Figure(at(page, 0.99), "ms", (min(page), max(page))),
            "rss_growth_mb": Figure(round(grown, 1), "MiB"),
        }


def at(values: list[float], share: float) -> float:
    return round(sorted(values)[int(share * (len(values) - 1))], 2)


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="streams")
    parser.add_argument("--streams", type=int, default=STREAMS)
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--burst", type=int, default=BURST)
    flags = parser.parse_args(argv)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with house() as here:
        filled(here)
        with served(here, {"requests_per_second_max": 1e6}) as (running, url):
            host, port = url.removeprefix("http://").split(":")
            found = measure(here, (host, int(port)), running.child.pid, flags)
            show("streams", asyncio.run(found))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
