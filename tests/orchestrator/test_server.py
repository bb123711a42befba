"""The server on an inherited socket: what uvicorn's own hooks must go on doing for us."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from starlette.responses import PlainTextResponse

from daemon.orchestrator.server import CLOSE, Slot

SECONDS = 10.0
ASK = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"


@asynccontextmanager
async def serving(listening: socket.socket) -> AsyncIterator[Slot]:
    """By descriptor number, as the program does it."""
    with socket.socket(fileno=os.dup(listening.fileno())) as own:
        own.setblocking(False)
        slot = Slot(PlainTextResponse("here"), own)
        async with asyncio.timeout(SECONDS):
            running = asyncio.create_task(slot.run_until_stopped())
            await slot.begun.wait()
            await slot.accept()
            try:
                yield slot
            finally:
                slot.stop()
                await running


async def answered(connection: socket.socket) -> bytes:
    connection.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(connection, ASK)
    return await loop.sock_recv(connection, 4096)


@pytest.mark.parametrize("turns", range(6))
def test_a_connection_accepted_at_the_moment_of_a_drain_is_kept(
    listening: socket.socket, turns: int
) -> None:
    """At each turn of the loop: it is served, or it waits for whoever accepts next."""

    async def run() -> None:
        async with serving(listening) as slot:
            with socket.create_connection(listening.getsockname()) as connection:
                for _ in range(turns):
                    await asyncio.sleep(0)
                await slot.drain()
                await slot.accept()
                assert (await answered(connection)).startswith(b"HTTP/1.1 200")

    asyncio.run(run())


def test_the_tick_keeps_asking_to_close(listening: socket.socket) -> None:
    """uvicorn makes the default headers anew each second."""

    async def run() -> None:
        async with serving(listening) as slot:
            await slot.drain()
            await slot.on_tick(0)
            assert CLOSE in slot.server_state.default_headers
            await slot.accept()
            await slot.on_tick(0)
            assert CLOSE not in slot.server_state.default_headers
            assert [name for name, _ in slot.server_state.default_headers] == [b"date"]

    asyncio.run(run())


def test_answers_are_not_held_back(listening: socket.socket) -> None:
    """TCP_NODELAY is on; uvicorn's own way with descriptors loses it, and 40 ms a request."""

    async def run() -> None:
        async with serving(listening) as slot:
            with socket.create_connection(listening.getsockname()) as connection:
                await answered(connection)
                (protocol,) = slot.server_state.connections
                own = protocol.transport.get_extra_info("socket")
                assert own.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)

    asyncio.run(run())


def test_a_kept_connection_hears_of_the_stop_before_it_is_closed(listening: socket.socket) -> None:
    """A request that was under way to an idle connection is answered, not cut."""

    async def run() -> None:
        async with serving(listening) as slot:
            with socket.create_connection(listening.getsockname()) as connection:
                assert b"connection: close" not in await answered(connection)
                slot.stop()
                assert b"connection: close" in await answered(connection)

    asyncio.run(run())


def test_draining_twice_and_accepting_twice_change_nothing(listening: socket.socket) -> None:
    """Every step is safe to repeat."""

    async def run() -> None:
        async with serving(listening) as slot:
            await slot.accept()
            assert await slot.drain() == await slot.drain() == 0
            await asyncio.wait_for(slot.idle.wait(), SECONDS)
            await slot.accept()
            assert not slot.idle.is_set()
            with socket.create_connection(listening.getsockname()) as connection:
                assert (await answered(connection)).startswith(b"HTTP/1.1 200")

    asyncio.run(run())
