"""uvicorn on an inherited listening socket, able to stop accepting and to begin again.

Draining loses nobody: accepting ends, what is in flight is finished, and each kept
connection is asked to close with its next answer. Resuming takes all of that back.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket

from starlette.types import ASGIApp
from uvicorn import Config, Server

BACKLOG = 2048
DRAIN_SECONDS = 30
CLOSE = (b"connection", b"close")


class Slot(Server):
    """Serves on dups of one listening socket; each dup lives as long as accepting does."""

    def __init__(self, app: ASGIApp, listening: socket.socket) -> None:
        config = Config(
            app,
            http="httptools",
            loop="asyncio",
            ws="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            backlog=BACKLOG,
            timeout_graceful_shutdown=DRAIN_SECONDS,
        )
        super().__init__(config)
        self._listening = listening
        self.servers: list[asyncio.base_events.Server] = []
        self.begun = asyncio.Event()

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

    async def accept(self) -> None:
        """Accept connections, for the first time or again."""
        if self.servers:
            return
        self.config.encoded_headers = [h for h in self.config.encoded_headers if h != CLOSE]
        self._refresh_headers()
        server = await asyncio.get_running_loop().create_server(
            self._protocol, sock=self._listening.dup(), backlog=BACKLOG
        )
        self.servers = [server]

    def drain(self) -> int:
        """Stop accepting; gives how many connections live on until their next answer."""
        for server in self.servers:
            server.close()
        self.servers = []
        # The tick rebuilds the default headers each second from these.
        if CLOSE not in self.config.encoded_headers:
            self.config.encoded_headers = [*self.config.encoded_headers, CLOSE]
        self._refresh_headers()
        return self.connections

    def stop(self) -> None:
        self.drain()
        self.should_exit = True

    def _protocol(self) -> asyncio.Protocol:
        made: asyncio.Protocol = self.config.http_protocol_class(  # type: ignore[call-arg]
            config=self.config, server_state=self.server_state, app_state={}
        )
        return made

    def _refresh_headers(self) -> None:
        dates = [pair for pair in self.server_state.default_headers if pair[0] == b"date"]
        self.server_state.default_headers = dates + self.config.encoded_headers
