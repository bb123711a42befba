"""What a jury is told when it cannot have what it needs: whose doing that was."""

from __future__ import annotations

import asyncio
import socket
import sys
from pathlib import Path
from typing import Any

import pytest

from daemon.core.release import Release
from daemon.supervisor.broker import Broker
from daemon.supervisor.custody import Custody
from daemon.supervisor.stand import Stand
from ops.loaded import ROOT
from tests.supervisor.grown import grown

pytestmark = pytest.mark.process


def test_only_its_own_code_is_held_against_a_candidate(tmp_path: Path) -> None:
    """Neither a broker that is away nor a current that does not come up."""
    world = grown(tmp_path, 0, 0).world
    empty = tmp_path / "empty"
    (empty / "ops").mkdir(parents=True)
    dead = Release(world.main(), empty, Path(sys.executable))
    program = Release("0" * 40, ROOT, Path(sys.executable))

    async def asked() -> list[dict[str, Any]]:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            broker = Broker(world, program, Custody(ours))
            slots: Any = None  # not asked here
            stand = Stand(world, slots, broker, {"candidate": dead, "current": dead})
            wanted = [
                {"need": "beside", "wanted": [{"name": which, "which": which}]}
                for which in ("candidate", "current")
            ]
            told = [await stand.answer(wanted[0])]
            await broker.start()
            try:
                return [*told, *[await stand.answer(one) for one in wanted]]
            finally:
                await broker.stop()

    away, candidate, current = asyncio.run(asked())
    assert away == {"failed": "the broker is not running", "ours": True}
    assert "ours" not in candidate, candidate
    assert current == candidate | {"ours": True}
