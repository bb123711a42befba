"""The rules on org's way out of the machine: written, put up, taken down, looked at.

`users` holds only org's own users to them; `machine`, in a guest made for org, everybody.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ops import preferences
from ops.errors import Failed, Refused
from ops.files import write_atomic
from ops.layout import Layout
from ops.loaded import ROOT
from ops.run import run

NFT_SECONDS = 20.0
RULES = ROOT / "systemd/walls.nft"
GUEST_MARK = Path("/etc/org/guest.json")  # vm/build writes it: this machine is org's alone
STANDING = Path("/run/org-walls.json")  # what `up` put up, as the kernel told it then
TABLE = ("inet", "org")
DEFAULT_PORTS = {"http": 80, "https": 443}
OTHERS = {
    "users": {"policy": "accept", "others_out": "accept", "others_in": "accept"},
    "machine": {
        "policy": "drop",
        "others_out": """\
oifname "lo" meta nfproto ipv4 accept
		ct state established,related meta nfproto ipv4 accept
		udp sport 68 udp dport 67 accept
		meta nfproto ipv6 counter name refused_ipv6 reject with icmpx admin-prohibited
		counter name refused_out reject with icmpx admin-prohibited""",
        "others_in": """\
iifname "lo" accept
		meta nfproto ipv6 counter name refused_ipv6 drop
		ct state established,related accept
		udp sport 67 udp dport 68 accept
		tcp dport { 7001, 7002 } accept
		counter name refused_in drop""",
    },
}


@dataclass(frozen=True)
class Walls:
    """Who is held to them, and the one address that the broker may reach."""

    kind: str
    address: str
    port: int

    def rules(self) -> str:
        text = RULES.read_text(encoding="utf-8")
        filled = {**OTHERS[self.kind], "model": self.address, "port": str(self.port)}
        for name, value in filled.items():
            text = text.replace(f"@{name}@", value)
        return text


def wanted() -> Walls:
    """As root's own settings name the model. Raises Refused when they name no address.

    The instance's org.toml has no say: its owner is whom the walls stand around.
    """
    parts = urlsplit(preferences.endpoint(Layout(preferences.SYSTEM_FILE.parent)))
    port = parts.port or DEFAULT_PORTS.get(parts.scheme, 80)
    kind = "machine" if GUEST_MARK.exists() else "users"
    return Walls(kind, _address(parts.hostname or ""), port)


def _address(host: str) -> str:
    """The host's IPv4 address; a name is looked up once, when the rules are put up."""
    try:
        found = socket.getaddrinfo(host, None, socket.AF_INET, socket.SOCK_STREAM)
    except OSError as error:
        raise Refused(
            f"the model's host {host!r} has no address: {error}",
            "name it by its IPv4 address: [model] base in org.toml",
        ) from error
    return str(found[0][4][0])


def up() -> Walls:
    """Put the rules up, whole or not at all. Raises Failed."""
    walls = wanted()
    done = run(["nft", "-f", "-"], seconds=NFT_SECONDS, stdin=walls.rules().encode())
    if done.code != 0:
        raise Failed(f"the rules were refused: {done.last_line}", "apt-get install nftables")
    record = {"walls": asdict(walls), "rules": _plain(listed())}
    write_atomic(STANDING, json.dumps(record).encode(), 0o600)
    return walls


def down() -> None:
    """Take them away; gone already is fine."""
    STANDING.unlink(missing_ok=True)
    run(["nft", "delete", "table", *TABLE], seconds=NFT_SECONDS)


def listed() -> list[dict[str, Any]]:
    """What stands now, as the kernel tells it; empty when there is no such table."""
    done = run(["nft", "-j", "list", "table", *TABLE], seconds=NFT_SECONDS)
    if done.code != 0:
        return []
    return list(json.loads(done.stdout)["nftables"])


def counters(found: list[dict[str, Any]]) -> dict[str, int]:
    """Packets by what became of them."""
    named = [one["counter"] for one in found if "counter" in one]
    return {str(one["name"]): int(one["packets"]) for one in named}


def fault(found: list[dict[str, Any]], walls: Walls) -> str | None:
    """What is wrong with the rules that stand; None when they are those that `up` put up."""
    try:
        put_up = json.loads(STANDING.read_bytes())
    except (OSError, ValueError):
        return "nobody put the rules up"
    if not found:
        return "no rules stand"
    if put_up["walls"] != asdict(walls):
        return "the settings name another model since the rules were put up"
    return None if put_up["rules"] == _plain(found) else "rules were added or taken away"


def _plain(found: list[dict[str, Any]]) -> list[Any]:
    """The rules without what changes by itself: numbers that the kernel gives, and counts."""
    kept = []
    for one in found:
        kind, body = next(iter(one.items()))
        if kind != "metainfo":
            passing = ("handle", "packets", "bytes")
            kept.append([kind, {key: body[key] for key in body if key not in passing}])
    return kept


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="ops.walls")
    parser.add_argument("verb", choices=("up", "down", "show"))
    flags = parser.parse_args(argv)
    if flags.verb == "down":
        down()
        return 0
    if os.geteuid() != 0:
        raise Refused("only root may look at the rules", "run it with sudo")
    walls = up() if flags.verb == "up" else wanted()
    if flags.verb == "show":
        print(json.dumps({"fault": fault(listed(), walls), **counters(listed())}))
    else:
        print(f"the broker may reach {walls.address}:{walls.port}, and nothing else of org may")
    return 0
