"""What an act on the page will do, in words, before anybody says yes to it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from daemon.orchestrator.words import ago

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Plan:
    """What an act will do, in the words of the page that asks for a yes."""

    title: str
    button: str
    happens: tuple[str, ...]
    command: str
    done: str
    danger: bool = False


PLANS = {
    "promote": Plan(
        "Promote {candidate}", "Promote",
        ("It is judged anew if main has moved since.",
         "main and a tag move to its merge result in one step.",
         "A new process takes over :{port}; nobody's request is dropped.",
         "It is on probation for {probation}; a breach sends it back by itself."),
        "orgctl promote", "Promoted; it is on probation now."),
    "approve": Plan(
        "Approve {candidate}", "Approve and promote",
        ("It changes what judges, contains or installs: look at its difference first.",
         "The token must have been made for this very candidate; it is used up by this.",
         "Then it is promoted like any other."),
        "orgctl approve", "Approved and promoted.", danger=True),
    "reject": Plan(
        "Reject {candidate}", "Reject", ("It ends here. Its branch and evidence are kept.",),
        "orgctl reject", "Rejected."),
    "rollback": Plan(
        "Roll back to {to}", "Roll back",
        ("{serving} stops taking requests, {to} takes over :{port} at once.",
         "main gets a commit on top that restores it; nothing is rewound.",
         "Undo it by rolling back to {serving}."),
        "orgctl rollback", "Rolled back.", danger=True),
    "freeze": Plan(
        "Freeze promotions", "Freeze",
        ("No candidate is promoted until unfrozen.", "Rolling back stays possible."),
        "orgctl freeze", "Promotions are frozen."),
    "unfreeze": Plan(
        "Unfreeze promotions", "Unfreeze", ("Candidates that pass are promoted again.",),
        "orgctl unfreeze", "Promotions are possible again."),
    "evolve": Plan(
        "Begin a cycle", "Begin",
        ("An author works on the goal below, or on the next open one.",
         "What it makes is judged on :{other}, and promoted if every gate passes."),
        "orgctl evolve", "A cycle has begun."),
}  # fmt: skip


GIVEN = {  # what of the form a command takes, and how
    "promote": ("candidate", ""),
    "approve": ("candidate", ""),
    "reject": ("candidate", ""),
    "rollback": ("to", "--to "),
    "evolve": ("goal", "--goal "),
}


def plan(act: str, carried: Mapping[str, str], now: Row) -> Plan | None:
    """Filled in with what is meant; None when there is no such act on the page."""
    found = PLANS.get(act)
    if found is None:
        return None
    current = now["slots"]["current"]
    probation = now.get("probation") or {}
    words = {
        "candidate": carried.get("candidate") or "the judged candidate",
        "to": carried.get("to") or "the former release",
        "serving": current["tag"] or "what serves now",
        "port": current["port"],
        "other": now["slots"]["candidate"]["port"],
        "probation": ago(probation["seconds"]) if probation else "some minutes",
    }
    return Plan(
        found.title.format(**words),
        found.button,
        tuple(one.format(**words) for one in found.happens),
        _command(act, found.command, carried),
        found.done,
        found.danger,
    )


def _command(act: str, command: str, carried: Mapping[str, str]) -> str:
    """One that a shell can run: without a candidate, the one that tells them all."""
    name, flag = GIVEN.get(act, ("", ""))
    value = carried.get(name)
    if name == "candidate" and not value:
        return "orgctl candidates"
    return f"{command} {flag}{shlex.quote(value)}" if value else command
