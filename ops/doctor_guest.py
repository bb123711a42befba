"""What a machine needs that runs org as a service: units, walls, and no other way out."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

from ops import units
from ops import walls as nftables
from ops.checks import Check
from ops.layout import Layout
from ops.run import run

ROUTES = Path("/proc/net/route")
SECONDS = 20.0
WANTED = ("org.socket", "org.service", "org-broker.socket", "org-walls.service")


def checks(layout: Layout) -> tuple[Callable[[Layout], Check], ...]:
    """Those that apply here: none for an instance that systemd does not run."""
    if not units.managed(layout):
        return ()
    return (services, walls, *((network, ipv6) if nftables.GUEST_MARK.exists() else ()))


def services(_: Layout) -> Check:
    """Each runs, and starts at boot."""
    bad = [f"{unit} is {state}" for unit in WANTED if (state := _state(unit)) != "active, enabled"]
    remedy = "systemctl enable --now " + " ".join(WANTED)
    return Check("services", not bad, "; ".join(bad) or "all run, and start at boot", remedy)


def _state(unit: str) -> str:
    """As `active, enabled`."""
    said = [run(["systemctl", verb, unit], seconds=SECONDS) for verb in ("is-active", "is-enabled")]
    return ", ".join(one.stdout.decode().strip() or "unknown" for one in said)


def walls(_: Layout) -> Check:
    """The rules on the way out are the written ones, and how often they were needed."""
    if os.geteuid() != 0:
        return Check("walls", True, "only root may look at the rules", needed=False)
    wanted, found = nftables.wanted(), nftables.listed()
    fault = nftables.fault(found, wanted)
    counted = ", ".join(f"{name} {packets}" for name, packets in nftables.counters(found).items())
    text = fault or f"only the broker, and only to {wanted.address}:{wanted.port} ({counted})"
    return Check("walls", fault is None, text, "systemctl restart org-walls.service")


def network(_: Layout) -> Check:
    """A host-only network offers no way on; where there is a gateway, the network is open."""
    rows = [row.split() for row in ROUTES.read_text().splitlines()[1:]]
    gateways = [row[0] for row in rows if row[1] == "00000000" and int(row[3], 16) & 2]
    text = f"a gateway on {', '.join(gateways)}" if gateways else "no gateway: host-only"
    remedy = "start the guest with orgctl vm up, or on a network that is host-only"
    return Check("network", not gateways, text, remedy)


def ipv6(_: Layout) -> Check:
    """IPv6 would be a second network that nobody looks after."""
    done = run(["ip", "-j", "-6", "address"], seconds=SECONDS)
    rows = [row for row in json.loads(done.stdout or b"[]") if row["ifname"] != "lo"]
    found = [row["ifname"] for row in rows if row.get("addr_info")]
    text = f"addresses on {', '.join(found)}" if found else "no address"
    return Check("ipv6", not found, text, "LinkLocalAddressing=no in /etc/systemd/network")
