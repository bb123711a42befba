"""Serves the app for org: the socket is descriptor 3, the line to the supervisor 4.

The folder `daemon` beside it is org's own way of accepting and draining.
"""

import asyncio
import json
import pathlib
import signal
import socket

from app import app

from daemon.orchestrator.server import Slot

COMMIT = (pathlib.Path(__file__).parent / ".org-commit").read_text().strip()


async def follow(slot: Slot) -> None:
    line = socket.socket(fileno=4)
    line.setblocking(False)
    reader, writer = await asyncio.open_unix_connection(sock=line)
    writer.write(json.dumps({"ready": {"commit": COMMIT}}).encode() + b"\n")
    while said := await reader.readline():
        what = json.loads(said)["do"]
        if what in ("accept", "drain"):
            await getattr(slot, what)()
        elif what == "stop":
            slot.stop()
        writer.write(json.dumps({"did": what}).encode() + b"\n")
    slot.stop()


async def serve() -> None:
    listening = socket.socket(fileno=3)
    listening.setblocking(False)
    slot = Slot(app, listening)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, slot.stop)
    running = asyncio.create_task(slot.run_until_stopped())
    await slot.begun.wait()
    following = asyncio.create_task(follow(slot))
    await running
    following.cancel()


if __name__ == "__main__":
    asyncio.run(serve())
