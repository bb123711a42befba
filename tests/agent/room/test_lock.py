"""The channel is held by one at a time, in the order of asking, and never by the dead."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from daemon.agent.room.lock import ChannelLock
from ops.errors import Exit, Refused

ROOT = Path(__file__).resolve().parents[3]
HOLDER = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from daemon.agent.room.lock import ChannelLock

async def hold():
    async with ChannelLock(Path(sys.argv[1])).hold(who="other"):
        print("held", flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)

asyncio.run(hold())
"""


def test_sections_are_serialised_and_in_order(tmp_path: Path) -> None:
    """Twenty ask at once; one is inside at a time, and they come in the order of asking."""
    inside: list[int] = []
    order: list[int] = []

    async def section(lock: ChannelLock, number: int) -> None:
        async with lock.hold(timeout=10):
            inside.append(number)
            await asyncio.sleep(0)
            assert inside == [number]
            inside.clear()
            order.append(number)

    async def all_of_them() -> None:
        lock = ChannelLock(tmp_path)
        await asyncio.gather(*(section(lock, number) for number in range(20)))

    asyncio.run(all_of_them())
    assert order == list(range(20))


def test_who_waits_too_long_is_told_who_holds_it(tmp_path: Path) -> None:
    """The error names the holder; whoever waited behind the one that gave up still gets in."""

    async def tried() -> list[str]:
        lock = ChannelLock(tmp_path, "the stage")
        said = []

        async def late() -> None:
            with pytest.raises(Refused) as refused:
                async with lock.hold(timeout=0.05, who="bob"):
                    said.append("bob")
            assert refused.value.code is Exit.BUSY
            assert "the stage is held by alice" in refused.value.message
            said.append("bob was told")

        async def patient() -> None:
            async with lock.hold(timeout=10, who="carol"):
                said.append("carol")

        async with lock.hold(who="alice"):
            waiting = asyncio.create_task(late()), asyncio.create_task(patient())
            await waiting[0]
            assert said == ["bob was told"]
        await waiting[1]
        return said

    assert asyncio.run(tried()) == ["bob was told", "carol"]


def test_it_is_free_after_an_error_or_a_cancellation(tmp_path: Path) -> None:
    """A section that breaks lets go, and so does one that is cancelled while it waits."""

    async def broken(lock: ChannelLock) -> None:
        async with lock.hold():
            raise RuntimeError("broken")

    async def tried() -> None:
        lock = ChannelLock(tmp_path)
        with pytest.raises(RuntimeError):
            await broken(lock)
        async with lock.hold():
            waiting = asyncio.create_task(broken(lock))
            await asyncio.sleep(0)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
        async with lock.hold(timeout=1):
            pass
        assert [path.name for path in tmp_path.iterdir()] == ["queue"]

    asyncio.run(tried())


def test_a_killed_holder_holds_nothing(tmp_path: Path) -> None:
    """kill -9 of the process inside lets the next one in at once."""
    argv = [sys.executable, "-c", HOLDER, str(tmp_path), str(ROOT)]
    other = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert other.stdout is not None and other.stdin is not None
    assert other.stdout.readline() == b"held\n"

    async def tried() -> str:
        lock = ChannelLock(tmp_path)
        with pytest.raises(Refused, match=f"other .pid {other.pid}."):
            async with lock.hold(timeout=0.05):
                pass

        async def wait() -> str:
            async with lock.hold(timeout=10):
                return "in"

        waiting = asyncio.create_task(wait())
        await asyncio.sleep(0)
        os.kill(other.pid, signal.SIGKILL)
        return await waiting

    try:
        assert asyncio.run(tried()) == "in"
    finally:
        other.kill()
        other.wait()
        other.stdout.close()
        other.stdin.close()
