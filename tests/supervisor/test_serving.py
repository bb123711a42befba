"""How one that serves is asked to end, and what becomes of one that cannot be asked."""

from __future__ import annotations

import asyncio
import os

import pytest

from daemon.core.release import Release
from daemon.supervisor.channel import Channel
from daemon.supervisor.serving import Serving
from ops.loaded import ROOT
from tests.ops.cells import PYTHON, Maker

pytestmark = pytest.mark.process
DRAIN_SECONDS = 600.0
WAIT_SECONDS = 30.0  # far less than it would be given to drain
READY, ENDED = b"ready", b"ended well"
BEGIN = "import os, signal, socket, sys\nsay = lambda text: os.write(5, text)\n"
HANDLES = BEGIN + (
    "def end(*_): say(b'ended well'); sys.exit()\n"
    "signal.signal(signal.SIGTERM, end)\nsay(b'ready')\nsignal.pause()"
)
HOLDS = BEGIN + (
    "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})\nsay(b'ready')\n"
    "while not signal.sigpending(): pass\nsay(b'ended well')"
)
WAITS = BEGIN + (
    "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})\nsay(b'ready')\n"
    "signal.sigwait({signal.SIGTERM})\nsay(b'ended well')"
)
TOLD = BEGIN + (
    "lines = socket.socket(fileno=4).makefile()\nsay(b'ready')\n"
    "while 'stop' not in lines.readline(): pass\nsay(b'ended well')"
)
DEAF = BEGIN + "say(b'ready')\nwhile True: signal.pause()"
IGNORES = BEGIN + "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + DEAF
Said = tuple[bytes, bool]


async def stopped(code: str, listens: bool) -> Said:
    """What it said when it was stopped, and whether it is gone."""
    cells = Maker("bubblewrap", 0.0)
    told, tell = os.pipe()
    channel, theirs = await Channel.pair()
    child = cells.start(cells.cell(code), fd5=tell, fd4=theirs.fileno())
    os.close(tell)
    theirs.close()
    release = Release("0" * 40, ROOT, PYTHON)
    serving = Serving(release, "candidate", None, child, channel if listens else None, 0.0)
    serving.drain_seconds = DRAIN_SECONDS
    with os.fdopen(told, "rb", buffering=0) as said:
        try:
            assert await asyncio.to_thread(said.read, len(READY)) == READY
            async with asyncio.timeout(WAIT_SECONDS):
                await serving.stop()
            return await asyncio.to_thread(said.read), not serving.alive
        finally:
            serving.end()
            channel.close()
            child.close()


@pytest.mark.parametrize("code", [HANDLES, HOLDS, WAITS], ids=["handles", "holds", "waits"])
def test_who_heeds_the_signal_ends_by_itself(code: str) -> None:
    assert asyncio.run(stopped(code, listens=False)) == (ENDED, True)


def test_who_is_deaf_to_the_signal_is_told_on_its_channel() -> None:
    assert asyncio.run(stopped(TOLD, listens=True)) == (ENDED, True)


@pytest.mark.parametrize("code", [DEAF, IGNORES], ids=["deaf", "ignores"])
def test_who_cannot_be_told_is_ended_soon(code: str) -> None:
    """Not when its time to drain is over: all the while it would accept what nobody answers."""
    assert asyncio.run(stopped(code, listens=False)) == (b"", True)
