"""A service that hands its socket over without losing anybody, and can be told to misbehave.

It speaks the four words of descriptor 4: accept, drain, stop, stats; `manners.py` is the file
that authors change.
"""

from __future__ import annotations

from pathlib import Path

from tests.journeys.instance import commit_all

SERVICE = '''"""Answers with its manners; 3 is the socket, 4 the line to org."""

import asyncio
import json
import os
import pathlib
import signal
import socket
import time

import manners

COMMIT = pathlib.Path(__file__).with_name(".org-commit").read_text().strip()
STARTED = time.monotonic()
KEPT = []


class Service:
    def __init__(self):
        self.listening = socket.socket(fileno=3)
        self.listening.setblocking(False)
        self.server = None
        self.draining = False
        self.requests = self.errors = 0

    async def accept(self):
        if self.server is None:
            self.draining = False
            self.server = await asyncio.start_server(self.serve, sock=self.listening.dup())

    async def drain(self):
        server, self.server, self.draining = self.server, None, True
        if server is not None:
            for one in server.sockets:
                asyncio.get_running_loop().remove_reader(one.fileno())
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            server.close()

    async def serve(self, reader, writer):
        try:
            while True:
                head = await reader.readuntil(b"\\r\\n\\r\\n")
                status, found = await self.answer(head.split()[1].decode())
                body = json.dumps(found).encode()
                close = self.draining or b"connection: close" in head.lower()
                kept = b"connection: close\\r\\n" if close else b""
                size = f"content-length: {len(body)}\\r\\n".encode()
                line = f"HTTP/1.1 {status} X\\r\\n".encode()
                writer.write(line + size + kept + b"\\r\\n" + body)
                await writer.drain()
                if close:
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def answer(self, path):
        self.requests += 1
        status = 200
        if time.monotonic() - STARTED > manners.AFTER_SECONDS:
            status = await self.misbehave()
        self.errors += status >= 500
        commit = "0" * 40 if status == 299 else COMMIT
        return (200 if status == 299 else status), {"manners": manners.KIND, "commit": commit}

    async def misbehave(self):
        if manners.KIND == "crashes":
            os._exit(3)
        if manners.KIND == "hangs":
            time.sleep(3600)
        if manners.KIND == "is slow":
            await asyncio.sleep(0.3)
        if manners.KIND == "fails":
            return 500
        if manners.KIND == "leaks":
            KEPT.append(b"x" * 40_000_000)
        if manners.KIND == "hoards":
            KEPT.extend(open(os.devnull) for _ in range(60))
        if manners.KIND == "lies":
            return 299
        return 200


async def main():
    service = Service()
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, over.set)
    own = socket.socket(fileno=4)
    own.setblocking(False)
    reader, writer = await asyncio.open_unix_connection(sock=own)

    def say(**message):
        writer.write(json.dumps(message).encode() + b"\\n")

    async def follow():
        say(ready={"commit": COMMIT, "pid": os.getpid()})
        while line := await reader.readline():
            said = json.loads(line)
            what, more = said.get("do"), {}
            if what in ("accept", "drain"):
                await getattr(service, what)()
            if what == "stop":
                over.set()
            if what == "stats":
                counts = {"requests": service.requests, "errors": service.errors}
                more = {"stats": counts}
            say(did=what, id=said.get("id"), **more)
        over.set()

    following = asyncio.create_task(follow())
    await over.wait()
    await service.drain()


asyncio.run(main())
'''
SETTINGS = """[serve]
command = ["python3", "service.py"]
health = "/"
control = true

[[gates]]
name = "tests"
command = ["true"]
limit_seconds = 30.0
"""


def manners(kind: str, after_seconds: float = 0.0) -> str:
    """The file's text."""
    return f'"""How it behaves."""\n\nKIND = "{kind}"\nAFTER_SECONDS = {after_seconds}\n'


def rewritten(kind: str, after_seconds: float = 0.0) -> str:
    """What a model answers to make it so."""
    return f"```python\n{manners(kind, after_seconds)}```"


def make(folder: Path) -> Path:
    """A repo whose service is well-mannered."""
    folder.mkdir()
    (folder / "service.py").write_text(SERVICE)
    (folder / "manners.py").write_text(manners("good"))
    (folder / "org.toml").write_text(SETTINGS)
    return commit_all(folder, "a service with manners", first=True)
