"""Status and rollback with no daemon at all: from git alone, under the same lease."""

from __future__ import annotations

import contextlib
import time
from typing import Any

from ops.errors import Exit, Refused
from ops.layout import Layout
from ops.lease import hold

MAIN = "refs/heads/main"
RELEASES, ROLLBACKS = "refs/tags/release/", "refs/tags/rollback/"
RESTORES, REVERTS, REASON, CANDIDATE = "Org-Restores", "Org-Reverts", "Org-Reason", "Org-Candidate"
HOPS_MAX = 10_000


def status(layout: Layout) -> dict[str, Any]:
    """What git says while nothing runs; the same keys as the daemon's."""
    from ops import preferences
    from ops.history import History

    if not layout.instance.exists():
        raise Refused(f"no instance at {layout.home}", "make one with: orgctl init", Exit.ABSENT)
    history = History(layout.repo)
    ports = preferences.ports(layout)
    empty = {"state": "down", "commit": None, "tag": None, "pid": None}
    return {
        "home": str(layout.home),
        "supervisor": {"pid": None, "state": "down", "uptime_s": 0},
        "slots": {
            "current": {"port": ports["current"]} | empty,
            "candidate": {"port": ports["candidate"]} | empty | {"branch": None},
        },
        "main": history.find(MAIN),
        "frozen": False,
        "promotion": None,
        "counts": {
            "promoted": max(0, len(history.refs(RELEASES)) - 1),
            "rejected": 0,
            "rolled_back": len(history.refs(ROLLBACKS)),
            "open": 0,
        },
    }


def rollback(layout: Layout, named: str | None) -> dict[str, Any]:
    """Put the former release's tree on top of main; the next start serves it."""
    from ops import preferences
    from ops.history import History
    from ops.records import RefChange

    with hold(layout.daemon_lease, "rolling back without a daemon"):
        history = History(layout.repo)
        with contextlib.suppress(Refused):  # the way back is open without a key, too
            history.signer = preferences.signer(layout)
        main = history.find(MAIN)
        if main is None:
            raise Refused(f"{layout.repo} has no main", "restore a backup of the home")
        tags = history.refs(RELEASES)
        left = _serving(history, main)
        target = _target(history, tags, left, named)
        names = {oid: ref.removeprefix("refs/tags/") for ref, oid in tags.items()}
        numbers = [ref.removeprefix(ROLLBACKS) for ref in history.refs(ROLLBACKS)]
        number = 1 + max((int(one) for one in numbers if one.isdecimal()), default=0)
        text = (
            f"Return to {names.get(target, target[:12])}\n\n{REVERTS}: {left}\n"
            f"{RESTORES}: {target}\n{REASON}: rolled back without a daemon\n"
        )
        when = int(time.time())
        commit = history.commit(history.tree(target), [main], text, when, signed=True)
        tag = history.tag(f"rollback/{number}", commit, text, when)
        history.move([RefChange(MAIN, commit, main), RefChange(f"{ROLLBACKS}{number}", tag, None)])
    return {
        "from": names.get(left),
        "to": names.get(target),
        "commit": commit,
        "serves": target,
        "tag": f"rollback/{number}",
        "state": "reverted",
    }


def _serving(history: Any, commit: str) -> str:
    for _ in range(HOPS_MAX):
        restored = history.trailers(commit).get(RESTORES)
        if restored is None:
            return commit
        commit = restored
    raise Refused("main restores itself in a circle", "run: orgctl verify")


def _target(history: Any, tags: dict[str, str], left: str, named: str | None) -> str:
    if named is not None:
        target = tags.get(f"refs/tags/{named}") or tags.get(f"{RELEASES}{named}")
        if target is None:
            raise Refused(f"no release {named!r}", "name one as release/<n>", Exit.ABSENT)
        if target == left:
            raise Refused(f"{named} is what serves now", "see: orgctl status")
        return target
    if CANDIDATE not in history.trailers(left):
        raise Refused("nothing was promoted yet, so there is nothing to roll back")
    return _serving(history, history.parents(left)[0])
