"""Settings read again by a supervisor that goes on, and what of them is worth a warning."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from daemon.core.events import Kind
from daemon.state.settings import load
from daemon.supervisor import signing
from daemon.supervisor.broker import Broker
from daemon.supervisor.world import World
from ops.errors import Trouble

WALLS, OFF = "walls", "off"  # the fact that there are none


def tell_walls(world: World) -> None:
    """That there are none is told once, until there are some again."""
    off, told = world.settings.cells.backend == "none", world.journal.fact(WALLS) == OFF
    if off and not told:
        world.tell(Kind.NOTICE, text="cells are off: model-written code runs without walls")
    if off != told:
        with contextlib.suppress(Trouble):  # with a full disk it is told again
            world.journal.set_fact(WALLS, OFF if off else None)


async def reload(world: World, broker: Broker, _: Mapping[str, Any]) -> dict[str, Any]:
    """What is under way keeps those that it began with. Raises Refused; then nothing changes."""
    settings = load(world.layout.home)
    signing.begin(world, settings.signing)
    world.settings = settings
    await broker.reload()
    world.tell(Kind.NOTICE, text="the settings were read again")
    tell_walls(world)
    return {"home": str(world.layout.home), "state": "reloaded"}
