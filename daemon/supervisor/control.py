"""The control socket: one request a connection, events while it runs, one answer at its end."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog

from daemon.supervisor.world import World
from ops.errors import Exit, Trouble
from ops.layout import Layout
from ops.sockets import bind_unix

REQUEST_BYTES_MAX = 2**20
REQUEST_SECONDS = 10.0
BACKLOG = 64
log = structlog.get_logger()

Answer = dict[str, Any]
Verb = Callable[[Mapping[str, Any]], Awaitable[Answer]]


class Control:
    """`streams` names the verbs whose caller hears events until the answer."""

    def __init__(self, world: World, verbs: Mapping[str, Verb], streams: frozenset[str]) -> None:
        self._world = world
        self._verbs = verbs
        self._streams = streams
        self._server: asyncio.Server | None = None
        self._socket: socket.socket | None = None

    async def open(self) -> None:
        listening = bind_unix(self._world.layout.control, 0o600)
        listening.listen(BACKLOG)
        listening.setblocking(False)
        self._socket = listening
        self._server = await asyncio.start_unix_server(
            self._serve, sock=listening, limit=REQUEST_BYTES_MAX
        )

    def close(self, layout: Layout) -> None:
        if self._server is not None:
            self._server.close()
            layout.control.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if _ours(writer):
                await self._answer(reader, writer)
        except ConnectionError:
            pass  # the caller went away; what it asked for goes on
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                line = await reader.readline()
            request = json.loads(line)
            verb, arguments = str(request["verb"]), dict(request.get("args") or {})
        except (ValueError, KeyError, TypeError, TimeoutError, RecursionError):
            await _say(writer, _error("that is not a request", "use orgctl", Exit.MISUSE))
            return
        if verb not in self._verbs:
            hint = "the daemon may be older than this orgctl; see: orgctl --help"
            await _say(writer, _error(f"no such verb: {verb}", hint, Exit.MISUSE))
            return
        await _say(writer, await self._run(verb, arguments, writer))

    async def _run(
        self, verb: str, arguments: Mapping[str, Any], writer: asyncio.StreamWriter
    ) -> Answer:
        work = asyncio.ensure_future(self._verbs[verb](arguments))
        relay = asyncio.create_task(self._relay(writer)) if verb in self._streams else None
        try:
            return {"ok": await asyncio.shield(work)}
        except Trouble as trouble:
            return trouble.as_json()
        except asyncio.CancelledError:
            return _error("the daemon is going down", "see: orgctl status", Exit.DOWN)
        except OSError as error:
            text = f"the machine said no to {verb}: {error}"
            return _error(text, "see: orgctl doctor", Exit.JUDGED_NO)
        except (ValueError, LookupError, TypeError, RuntimeError) as bug:
            log.exception("verb failed", verb=verb)
            text = f"a bug: {type(bug).__name__} while answering {verb}"
            return _error(text, "see: orgctl logs supervisor", Exit.JUDGED_NO)
        finally:
            if relay is not None:
                await asyncio.sleep(0)  # what was told before the answer is sent before it
                relay.cancel()
                await asyncio.gather(relay, return_exceptions=True)

    async def _relay(self, writer: asyncio.StreamWriter) -> None:
        ear = self._world.listen()
        try:
            while True:
                await _say(writer, {"event": await ear.get()})
        except asyncio.CancelledError:
            while not ear.empty():
                await _say(writer, {"event": ear.get_nowait()})
            raise
        finally:
            self._world.deafen(ear)


def _ours(writer: asyncio.StreamWriter) -> bool:
    """Only the owner of this process, or root, may steer it."""
    peer = writer.get_extra_info("socket")
    credentials = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, user, _ = struct.unpack("3i", credentials)
    return user in (0, os.geteuid())


async def _say(writer: asyncio.StreamWriter, message: Mapping[str, Any]) -> None:
    writer.write(json.dumps(message).encode() + b"\n")
    await writer.drain()


def _error(message: str, hint: str, code: Exit) -> Answer:
    return {"error": message, "hint": hint, "code": int(code)}
