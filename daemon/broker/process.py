"""The broker: it does what its admin channel says, as the supervisor's child or as a service.

As a child its admin channel is descriptor 4, and it lives as long as that is open. As a service
it listens where systemd made a socket for it; doors that last stay open between supervisors.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import resource
import signal
import socket
from contextlib import suppress
from pathlib import Path
from typing import Any

from daemon.broker.completions import Source
from daemon.broker.doors import Door, open_door
from daemon.broker.faults import Fault
from daemon.broker.metering import Meter
from daemon.broker.recent import Recent
from daemon.broker.recordings import Recorder, Replay
from daemon.broker.tracing import Trace, Traces
from daemon.broker.upstreams import Upstreams
from daemon.state.settings import Settings, load
from ops import notify
from ops.errors import Refused, Trouble
from ops.layout import Layout
from ops.masking import Mask, secrets_in

ADMIN_FD = 4
LINE_BYTES_MAX = 2**20
RETIRE_SECONDS = 600.0
Answer = dict[str, Any]


class Admin:
    """Opens and closes doors as the supervisor says."""

    def __init__(self, layout: Layout, keys: Path) -> None:
        self._layout = layout
        self._keys = keys
        self._doors: dict[str, Door] = {}
        settings = self._settings()
        self._upstream = Upstreams.open(settings, keys)
        self._traces = Traces.open(settings.traces.endpoint)
        self.retired = False

    def _mask(self, text: str) -> str:
        """What is written down holds no key."""
        return self._secrets()(text)

    def _secrets(self) -> Mask:
        return Mask([*self._upstream.secrets, *secrets_in(os.environ)])

    def _settings(self) -> Settings:
        return load(self._layout.home)

    async def answer(self, request: dict[str, Any]) -> Answer:
        verbs = {
            "open": self._open,
            "close": self._close,
            "prune": self._prune,
            "retire": self._retire,
            "usage": self._usage,
            "probe": self._probe,
            "reload": self._reload,
        }
        verb = verbs.get(str(request.get("do")))
        number = request.get("id")
        if verb is None:
            return {"id": number, "error": "no such verb", "hint": ""}
        try:
            return {"id": number, "ok": await verb(request)}
        except Trouble as trouble:
            return {"id": number, "error": trouble.message, "hint": trouble.hint}
        except OSError as error:
            return {"id": number, "error": f"{error}", "hint": "see: orgctl doctor"}

    async def _open(self, request: dict[str, Any]) -> Answer:
        name, directory = _text(request, "cell"), Path(_text(request, "directory"))
        if name in self._doors:
            if request.get("lasting"):
                return {"socket": str(self._doors[name].path)}
            await self._doors.pop(name).close()
        replay = Replay.open(Path(request["replay"])) if request.get("replay") else None
        models = tuple(str(one) for one in request.get("models") or ())
        context = replay.context_tokens if replay else await self._context(request.get("model"))
        told = await asyncio.gather(*(self._context(one) for one in models))
        contexts = dict(zip(models, told, strict=True))
        source = Source(
            self._upstream,
            replay,
            self._recorder(request, context),
            Meter(
                request.get("tokens_max"),
                money_max=request.get("money_max"),
                prices={name: (one[0], one[1]) for name, one in request.get("prices", {}).items()},
            ),
            frozenset(models),
            frozenset(request.get("only") or ()),
        )
        lasting = bool(request.get("lasting"))
        source.traced_by(self._trace(name, lasting))
        door = await open_door(name, directory, source)
        door.lasting = lasting
        self._doors[name] = door
        return {"socket": str(door.path), "context_tokens": context, "contexts": contexts}

    async def _context(self, model: str | None) -> int:
        """How many tokens it takes; 0 when nobody tells."""
        if not model:
            return 0
        with suppress(Fault):
            return await self._upstream.context(model) or 0
        return 0

    def _trace(self, cell: str, lasting: bool) -> Trace | None:
        return self._traces.of(cell, lasting) if self._traces is not None else None

    def _recorder(self, request: dict[str, Any], context: int) -> Recorder | Recent | None:
        record, recent = request.get("record"), request.get("recent")
        if record:
            return Recorder(Path(record), self._upstream.model.name, self._mask, context)
        if not recent:
            return None
        return Recent(Path(recent), known=lambda value: self._secrets().inside(value))

    async def _close(self, request: dict[str, Any]) -> Answer:
        door = self._find(request)
        del self._doors[_text(request, "cell")]
        await door.close()
        return door.source.meter.view()

    async def prune(self) -> None:
        await self._prune({})

    async def _prune(self, _: dict[str, Any]) -> Answer:
        """Close every door that does not last: its cell went with an earlier supervisor."""
        for name in [name for name, door in self._doors.items() if not door.lasting]:
            await self._doors.pop(name).close()
        return {}

    async def _retire(self, _: dict[str, Any]) -> Answer:
        """A newer broker has the doors: what is under way here is finished, then this one ends."""
        self.retired = True
        return {}

    async def _usage(self, request: dict[str, Any]) -> Answer:
        return self._find(request).source.meter.view()

    def _find(self, request: dict[str, Any]) -> Door:
        name = _text(request, "cell")
        if name not in self._doors:
            raise Refused(f"no door for {name}", "open it first")
        return self._doors[name]

    async def _probe(self, request: dict[str, Any]) -> Answer:
        """The endpoint of `model`; without one the main one."""
        endpoint, _ = self._upstream.chosen(request.get("model"))
        asked = self._upstream if endpoint is self._upstream.main else endpoint
        try:
            return {"answers": True, "detail": "", "models": await asked.models()}
        except Fault as fault:
            return {"answers": False, "detail": fault.said, "models": []}

    async def _reload(self, _: dict[str, Any]) -> Answer:
        """The doors that are open change over too; calls under way keep the old to their end."""
        settings = self._settings()
        former, self._upstream = self._upstream, Upstreams.open(settings, self._keys)
        told, self._traces = self._traces, Traces.open(settings.traces.endpoint)
        for name, door in self._doors.items():
            door.source.upstream = self._upstream
            door.source.traced_by(self._trace(name, door.lasting))
        await former.retire()
        await _delivered(told)
        return {}

    async def close(self) -> None:
        if self.retired:
            drains = (door.drain(RETIRE_SECONDS) for door in self._doors.values())
            await asyncio.gather(*drains)
        for door in list(self._doors.values()):
            await door.close()
        await self._upstream.retire()
        await _delivered(self._traces)


async def _delivered(traces: Traces | None) -> None:
    """What was traced so far, as far as somebody takes it."""
    if traces is not None:
        await asyncio.to_thread(traces.close)


def _text(request: dict[str, Any], key: str) -> str:
    if not isinstance(request.get(key), str):
        raise Refused(f"{request['do']} needs {key}", "say it")
    return str(request[key])


async def serve(layout: Layout) -> None:
    """One admin channel, or one after the other."""
    keys = os.environ.get("CREDENTIALS_DIRECTORY")
    admin = Admin(layout, Path(keys) if keys else layout.state)
    heard = notify.listening(1)
    if not heard:
        await converse(admin, socket.socket(fileno=ADMIN_FD))
        await admin.close()
        return
    heard[0].setblocking(False)
    notify.say(READY="1", STATUS="no supervisor yet")
    while True:
        own, _ = await asyncio.get_running_loop().sock_accept(heard[0])
        notify.say(STATUS="a supervisor is connected")
        await converse(admin, own)
        await admin.prune()
        notify.say(STATUS="the supervisor left")


async def converse(admin: Admin, own: socket.socket) -> None:
    """Answer the admin channel, many requests at once, until it closes."""
    own.setblocking(False)
    reader, writer = await asyncio.open_unix_connection(sock=own, limit=LINE_BYTES_MAX)
    tasks: set[asyncio.Task[None]] = set()

    async def handle(line: bytes) -> None:
        writer.write(json.dumps(await admin.answer(json.loads(line))).encode() + b"\n")
        await writer.drain()

    gc.freeze()  # what it is made of stays: going through it takes 30 ms, in which nobody is heard
    writer.write(b'{"ready": true}\n')
    with suppress(ConnectionError):  # a supervisor that was killed leaves answers unread
        while line := await reader.readline():
            task = asyncio.create_task(handle(line))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
    writer.close()


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="daemon.broker")
    parser.add_argument("--home", type=Path, required=True)
    flags = parser.parse_args(argv)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the supervisor decides when it ends
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # for many cells at once
    asyncio.run(serve(Layout(flags.home)))
    return 0
