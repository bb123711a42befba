"""uvicorn on an inherited listening socket, able to stop accepting and to begin again.

Draining loses nobody: accepting ends, what is in flight is finished, and each kept
connection is asked to close with its next answer. Resuming takes all of that back.
Stopping drains first: a kept connection that is closed at once is cut when its
client asks again at that very moment.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import socket

from starlette.types import ASGIApp
from uvicorn import Config, Server

from daemon.orchestrator.wire import Wire

BACKLOG = 2048
CONNECTIONS_MAX = 2048
DRAIN_SECONDS = 10.0
KEPT_SECONDS = 75  # longer than clients keep theirs: the one who asks should be the one to close
LAST_ANSWERS_SECONDS = 1.0  # for kept connections to hear `connection: close` before a stop
CLOSE = (b"connection", b"close")


class Slot(Server):
    """Serves on dups of one listening socket; each dup lives as long as accepting does."""

    def __init__(
        self,
        app: ASGIApp,
        listening: socket.socket,
        connections_max: int = CONNECTIONS_MAX,
        drain_seconds: float = DRAIN_SECONDS,
    ) -> None:
        config = Config(
            app,
            http="httptools",
            loop="asyncio",
            ws="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            proxy_headers=False,  # a caller would choose the address that its rate is counted by
            backlog=BACKLOG,
            timeout_graceful_shutdown=math.ceil(drain_seconds),
            timeout_keep_alive=KEPT_SECONDS,
        )
        super().__init__(config)
        self._listening = listening
        self._connections_max = connections_max
        self._idle: dict[Wire, None] = {}
        self.servers: list[asyncio.base_events.Server] = []
        self.begun = asyncio.Event()
        self.idle = asyncio.Event()
        self._draining = False
        self._stop_at: float | None = None

    @property
    def connections(self) -> int:
        return len(self.server_state.connections)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.begun.set()

    async def run_until_stopped(self) -> None:
        """uvicorn's own life, begun without a socket: `accept` says when."""
        with contextlib.suppress(asyncio.CancelledError):
            await self._serve(sockets=[])

    async def on_tick(self, counter: int) -> bool:
        """uvicorn's ten looks a second: tell when a drain is over, and end when it is time."""
        if self._draining and not self.server_state.tasks:
            self.idle.set()
        if self._stop_at is not None:
            over = asyncio.get_running_loop().time() >= self._stop_at
            self.should_exit = over or not self.server_state.connections
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Nobody looks any more by now; what was in flight is finished all the same, and told."""
        await super().shutdown(sockets)
        self.idle.set()

    async def accept(self) -> None:
        """Accept connections, for the first time or again."""
        if self.servers:
            return
        self._draining = False
        self.idle.clear()
        self.config.encoded_headers = [h for h in self.config.encoded_headers if h != CLOSE]
        self._refresh_headers()
        server = await asyncio.get_running_loop().create_server(
            self._protocol, sock=self._listening.dup(), backlog=BACKLOG
        )
        self.servers = [server]

    async def drain(self) -> int:
        """Stop accepting; gives how many connections live on until their next answer."""
        self._stop_accepting()
        # What was accepted in this turn of the loop becomes a connection in the next;
        # asyncio would drop it without a word if its server were closed by then.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        for server in self.servers:
            server.close()
        self.servers = []
        return self.connections

    def stop(self) -> None:
        """Drain and end: at once when nobody is connected, else a moment later."""
        self._stop_accepting()
        if self._stop_at is None:
            self._stop_at = asyncio.get_running_loop().time() + LAST_ANSWERS_SECONDS

    def _stop_accepting(self) -> None:
        loop = asyncio.get_running_loop()
        for server in self.servers:
            for listening in server.sockets:
                loop.remove_reader(listening.fileno())
        self._draining = True
        # The tick rebuilds the default headers each second from these.
        if CLOSE not in self.config.encoded_headers:
            self.config.encoded_headers = [*self.config.encoded_headers, CLOSE]
        self._refresh_headers()

    def _protocol(self) -> asyncio.Protocol:
        uvicorns = {"config": self.config, "server_state": self.server_state, "app_state": {}}
        return Wire(self._idle, self._connections_max, **uvicorns)

    def _refresh_headers(self) -> None:
        dates = [pair for pair in self.server_state.default_headers if pair[0] == b"date"]
        self.server_state.default_headers = dates + self.config.encoded_headers
