"""What failed in service is remembered in git, and not offered again blindly."""

from __future__ import annotations

import json

from daemon.core import release as releases
from daemon.core.promotion import Promotion
from ops.errors import Exit, Refused
from ops.history import History
from ops.records import RefChange


def marks(history: History, promotion: Promotion) -> list[RefChange]:
    """The ref that marks it, to be moved with all others; the reason is noted on its commit."""
    reason = {"release": promotion.release, "reason": promotion.reason, "when": promotion.when}
    history.note(releases.PROBATION, promotion.merge, json.dumps(reason, sort_keys=True))
    ref = f"{releases.BAD}{promotion.candidate}"
    marked = history.find(ref) == promotion.merge
    return [] if marked else [RefChange(ref, promotion.merge, None)]


def refuse(history: History, merge: str) -> None:
    """Raises Refused when this very tree failed before: it is not even judged once more."""
    tree = history.tree(merge)
    for ref, commit in history.refs(releases.BAD).items():
        if history.tree(commit) == tree:
            note = json.loads(history.read_note(releases.PROBATION, commit) or "{}")
            name, reason = ref.removeprefix(releases.BAD), note.get("reason", "no reason was kept")
            text = f"this very tree failed in service as {name}: {reason}"
            raise Refused(text, "change it, and evolve again", Exit.JUDGED_NO)
