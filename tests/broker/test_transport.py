"""Whatever a connection to a model does, httpx's own errors tell it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import httpx
import pytest

from daemon.broker.transport import Transport

HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n"
AT_ONCE = 150  # more than aiohttp opens when nothing is said
Served = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def asked(serve: Served, count: int = 1) -> list[bytes]:
    """The bodies that `count` calls at the same time get from a real server. Raises HTTPError."""

    async def run() -> list[bytes]:
        server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=512)
        host, port = server.sockets[0].getsockname()
        timeout = httpx.Timeout(0.5 if count == 1 else 20.0)
        try:
            async with httpx.AsyncClient(transport=Transport(), timeout=timeout) as http:
                calls = (http.post(f"http://{host}:{port}/", content=b"x") for _ in range(count))
                return [answer.content for answer in await asyncio.gather(*calls)]
        finally:
            server.close()

    return asyncio.run(run())


def saying(said: bytes, silent: bool = False) -> Served:
    """Says this after a head was read, then closes, or is silent."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said)
        await writer.drain()
        if silent:
            await reader.read()  # until the client leaves
        writer.close()

    return serve


@pytest.mark.parametrize(
    ("said", "silent", "error"),
    [
        (b"", False, httpx.RemoteProtocolError),
        (b"this is no HTTP\r\n\r\n", False, httpx.RemoteProtocolError),
        (HEAD + b"half", False, httpx.ReadError),
        (b"", True, httpx.ReadTimeout),
        (HEAD + b"half", True, httpx.ReadTimeout),
    ],
)
def test_a_connection_that_breaks_is_told(
    said: bytes, silent: bool, error: type[httpx.HTTPError]
) -> None:
    """Before the answer, in its head, in its body, by silence."""
    with pytest.raises(error):
        asked(saying(said, silent))


def test_nobody_there_is_told() -> None:
    """As httpx tells it."""

    async def run() -> None:
        async with httpx.AsyncClient(transport=Transport()) as http:
            await http.get("http://127.0.0.1:1/")

    with pytest.raises(httpx.ConnectError):
        asyncio.run(run())


def test_many_calls_at_once_wait_for_none() -> None:
    """All are there before the first is answered."""
    there = 0
    all_there = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal there
        await reader.readuntil(b"\r\n\r\n")
        there += 1
        if there == AT_ONCE:
            all_there.set()
        await all_there.wait()
        writer.write(HEAD + b"0123456789")
        await writer.drain()
        writer.close()

    assert asked(serve, AT_ONCE) == [b"0123456789"] * AT_ONCE


def test_no_cookie_goes_back() -> None:
    """What one caller's answer sets must not go along with another's call."""
    heads: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        cookie = b"set-cookie: who=me; path=/\r\n"
        writer.write(HEAD.replace(b"\r\n\r\n", b"\r\n" + cookie + b"\r\n") + b"0123456789")
        await writer.drain()
        writer.close()

    async def run() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()
        transport = Transport()
        for _ in range(2):
            request = httpx.Request("GET", f"http://{host}:{port}/")
            await (await transport.handle_async_request(request)).aclose()
        await transport.aclose()
        server.close()

    asyncio.run(run())
    assert len(heads) == 2
    assert b"cookie" not in heads[1].lower()
