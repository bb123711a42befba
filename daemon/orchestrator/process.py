"""The orchestrator: descriptor 3 is its listening socket, 4 the line to the supervisor."""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import resource
import signal
import socket
import sys

import structlog

from daemon.orchestrator.app import Parts, make
from daemon.orchestrator.health import Health
from daemon.orchestrator.hub import Hub
from daemon.orchestrator.server import Slot
from daemon.orchestrator.terms import Terms
from ops import loaded

LISTENING_FD, CONTROL_FD = 3, 4
LINE_BYTES_MAX = 2**16
DESCRIPTORS_KEPT = 64  # for all that is no connection of a client


class Line:
    """What the supervisor says, and what it is told."""

    def __init__(self, slot: Slot, health: Health, hub: Hub) -> None:
        self._slot = slot
        self._hub = hub
        self._health = health
        self._writer: asyncio.StreamWriter | None = None
        self._waiting: asyncio.Task[None] | None = None

    async def follow(self, standby: bool) -> None:
        """Until the supervisor is gone: without it nobody would ever end this process."""
        own = socket.socket(fileno=CONTROL_FD)
        own.setblocking(False)
        reader, self._writer = await asyncio.open_unix_connection(sock=own, limit=LINE_BYTES_MAX)
        if not standby:
            await self._slot.accept()
        gc.freeze()  # what it is made of stays: going through it takes 30 ms, in which all wait
        self._say({"ready": {"commit": loaded.COMMIT, "pid": os.getpid()}})
        try:
            while line := await reader.readline():
                said = json.loads(line)
                if isinstance(said.get("pid"), int):
                    self._health.pid = said["pid"]  # as the machine knows it, outside the cell
                self._say(await self._do(str(said.get("do"))) | {"id": said.get("id")})
        except ConnectionError:
            pass  # it went with words of ours unread: gone all the same
        finally:
            self._wait_no_more()
            self.stop()

    def stop(self) -> None:
        self._hub.leave()
        self._slot.stop()

    def _say(self, message: dict[str, object]) -> None:
        if self._writer is not None:
            self._writer.write(json.dumps(message).encode() + b"\n")

    async def _do(self, what: str) -> dict[str, object]:
        if what == "accept":
            self._wait_no_more()
            self._hub.stay()
            await self._slot.accept()
        elif what == "drain":
            connections = await self._slot.drain()
            self._hub.leave()  # who follows events goes on at the next process
            self._wait_no_more()
            self._waiting = asyncio.create_task(self._tell_when_idle())
            return {"did": what, "connections": connections}
        elif what == "stop":
            self.stop()
        elif what == "stats":
            stats = self._health.stats()
            return {"did": what, "stats": stats | {"connections": self._slot.connections}}
        elif what == "routes":
            return {"did": what, "routes": self._health.routes()}
        return {"did": what}

    async def _tell_when_idle(self) -> None:
        await self._slot.idle.wait()
        self._say({"idle": True})

    def _wait_no_more(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()


async def serve(flags: argparse.Namespace) -> None:
    listening = socket.socket(fileno=LISTENING_FD)
    listening.setblocking(False)
    health = Health(flags.slot, flags.tag)
    parts = Parts.of(health, Terms.read())
    most = connections_that_fit(parts.terms.connections_max)
    slot = Slot(make(parts), listening, most, parts.terms.drain_seconds)
    follower = Line(slot, health, parts.hub)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, follower.stop)
    running = asyncio.create_task(slot.run_until_stopped())
    await slot.begun.wait()
    line = asyncio.create_task(follower.follow(flags.standby))
    await running
    line.cancel()
    parts.close()


def connections_that_fit(wanted: int) -> int:
    """As many as asked for, if the descriptors suffice."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return max(1, min(wanted, (most - DESCRIPTORS_KEPT) // 2))


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="daemon.orchestrator")
    parser.add_argument("--slot", choices=("current", "candidate"), required=True)
    parser.add_argument("--tag")
    parser.add_argument("--standby", action="store_true", help="be ready, but do not accept yet")
    flags = parser.parse_args(argv)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
    )
    asyncio.run(serve(flags))
    return 0
