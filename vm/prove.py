"""The ways out of the guest, each tried by each of its inhabitants, as one table."""

from __future__ import annotations

import json
from typing import Any

from ops.errors import Failed
from vm.guest_line import GuestLine

SCRIPT = "/opt/org/src/vm/guest/ways.py"
IN_CELL = "/opt/org/src/vm/guest/in_cell.py"
PYTHON = "/opt/org/venv/bin/python"
SECONDS = 240.0
MODEL = "the model itself"
WHO = {
    "root": ["/usr/bin/python3", "-I", SCRIPT],
    "org": ["setpriv", "--reuid=org", "--regid=org", "--init-groups"],
    "broker": ["setpriv", "--reuid=org-broker", "--regid=org-broker", "--init-groups"],
    "cell": ["setpriv", "--reuid=org", "--regid=org", "--init-groups"],
}
Table = dict[str, dict[str, dict[str, Any]]]  # inhabitant -> way -> {"out", "said"}


def ways(line: GuestLine) -> Table:
    """Raises Failed when an inhabitant cannot try at all."""
    return {who: _tried(line, who) for who in WHO}


def _tried(line: GuestLine, who: str) -> dict[str, dict[str, Any]]:
    argv = {
        "root": WHO["root"],
        "cell": [*WHO["cell"], PYTHON, "-I", IN_CELL, SCRIPT],
    }.get(who) or [*WHO[who], *WHO["root"]]
    said = line.run(argv, SECONDS)
    try:
        found: dict[str, dict[str, Any]] = json.loads(said.out)
    except ValueError as error:
        text = f"{who} could not try: {(said.err or said.out)[-300:]}"
        raise Failed(text, "see: orgctl vm logs") from error
    return found


def escapes(table: Table) -> list[str]:
    """Every way out that worked, the broker's one to the model apart."""
    return [
        f"{who}: {way} ({one['said']})"
        for who, tried in table.items()
        for way, one in tried.items()
        if one["out"] and (who, way) != ("broker", MODEL)
    ]


def lines(table: Table) -> list[str]:
    """One row a way, one column an inhabitant."""
    names = list(table)
    width = max(len(way) for way in table[names[0]])
    rows = [f"{'':<{width}}  " + "  ".join(f"{name:<8}" for name in names)]
    for way in table[names[0]]:
        marks = ["OUT" if table[name][way]["out"] else "blocked" for name in names]
        rows.append(f"{way:<{width}}  " + "  ".join(f"{mark:<8}" for mark in marks))
    return rows
