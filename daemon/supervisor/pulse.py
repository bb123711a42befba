"""Signs of life for systemd's watchdog, each with one line on what runs."""

from __future__ import annotations

import asyncio

from daemon.core.candidate import Stage
from daemon.supervisor.slots import Slots
from daemon.supervisor.world import World
from ops import notify


async def pulse(world: World, slots: Slots) -> None:
    """For as long as the event loop turns; ends at once where no watchdog waits."""
    seconds = notify.ping_seconds()
    while seconds is not None:
        notify.say(WATCHDOG="1", STATUS=line(world, slots))
        await asyncio.sleep(seconds)


def tell_ready(world: World, slots: Slots) -> asyncio.Task[None]:
    """From now on the watchdog waits for us."""
    notify.say(READY="1", STATUS=line(world, slots))
    return asyncio.create_task(pulse(world, slots))


def line(world: World, slots: Slots) -> str:
    """What `systemctl status` shows."""
    view = slots.view("current")
    if view["pid"] is None:
        return "nothing serves yet"
    serves = f"{view['tag']} is {view['state']} on :{view['port']}"
    busy = [one for one in world.journal.open_candidates() if one.state is not Stage.JUDGED]
    return f"{serves}; {busy[-1].branch} is {busy[-1].state}" if busy else serves
