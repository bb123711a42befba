"""One unix socket a cell: whoever speaks through it is that cell, whatever it says of itself."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path

from uvicorn import Config
from uvicorn.server import ServerState

from daemon.broker.completions import Source
from daemon.broker.faults import Fault
from daemon.broker.routes import Routes
from ops.doors import BROKER, also_as_before
from ops.sockets import bind_unix

BACKLOG = 256
CONNECTIONS_MAX = 256  # of one cell, so that none takes the descriptors of the others
CLOSE_SECONDS = 5.0


@dataclass
class Door:
    """An open door: its socket's server, and where its answers come from."""

    source: Source
    path: Path
    server: asyncio.Server
    state: ServerState
    inode: int
    lasting: bool = False  # its cell outlives a supervisor

    async def drain(self, seconds: float) -> None:
        """Take no new call, and return when those under way are over, or the time is."""
        self.server.close()
        if tasks := set(self.state.tasks):
            await asyncio.wait(tasks, timeout=seconds)

    async def close(self) -> None:
        """Cut the calls under way, and return when they are accounted for."""
        self.server.close()
        for connection in list(self.state.connections):
            connection.transport.abort()
        tasks = set(self.state.tasks)
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=CLOSE_SECONDS)
            for task in late:
                task.cancel()
        if self.path.exists() and self.path.stat().st_ino == self.inode:
            self.path.unlink()  # else a newer broker's is in its place
        self.source.close()


class Full(asyncio.Protocol):
    """One connection too many: told so, and closed."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        fault = Fault("too_many_connections", f"this cell has {CONNECTIONS_MAX} already", 503)
        body = json.dumps(fault.as_json()).encode()
        head = "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\n"
        rest = f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        transport.write((head + rest).encode() + body)
        transport.close()


async def open_door(name: str, directory: Path, source: Source) -> Door:
    """Listen at <directory>/llm; any user inside the cell may connect."""
    path = directory / BROKER
    beside = directory / f"{BROKER}.new"  # takes the name of a former one, at once
    bound = bind_unix(beside, 0o666)
    routes = Routes(name, source)
    config = Config(
        routes, log_config=None, access_log=False, lifespan="off", ws="none", proxy_headers=False
    )
    config.load()
    state = ServerState()

    def protocol() -> asyncio.Protocol:
        if len(state.connections) >= CONNECTIONS_MAX:
            return Full()
        made: asyncio.Protocol = config.http_protocol_class(  # type: ignore[call-arg]
            config=config, server_state=state, app_state={}
        )
        return made

    loop = asyncio.get_running_loop()
    server = await loop.create_unix_server(protocol, sock=bound, backlog=BACKLOG)
    beside.rename(path)
    also_as_before(path)
    return Door(source, path, server, state, path.stat().st_ino)
