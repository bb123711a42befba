"""Settings read again by a supervisor that goes on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from daemon.core.events import Kind
from daemon.state.settings import load
from daemon.supervisor import signing
from daemon.supervisor.broker import Broker
from daemon.supervisor.world import World


async def reload(world: World, broker: Broker, _: Mapping[str, Any]) -> dict[str, Any]:
    """What is under way keeps those that it began with. Raises Refused; then nothing changes."""
    settings = load(world.layout.home)
    signing.begin(world, settings.signing)
    world.settings = settings
    await broker.reload()
    world.tell(Kind.NOTICE, text="the settings were read again")
    return {"home": str(world.layout.home), "state": "reloaded"}
