"""Where a cell finds those it may talk to: sockets in the one folder that is mounted for it.

Their names are short for a reason: a cell that serves may connect to nothing whose address is
as long as one of the internet, which is all that a filter of calls can see of it.
"""

from __future__ import annotations

from pathlib import Path

INSIDE = Path("/run/org")
BROKER = "llm"  # the way to a model
FACTS = "sup"  # what the supervisor knows, for org's own program on :7001
# What a cell was told that an earlier org started, and that serves on under this one.
FORMER = {BROKER: "broker.sock", FACTS: "facts.sock"}


def also_as_before(door: Path) -> None:
    """The door under its former name as well."""
    former = door.with_name(FORMER[door.name])
    former.unlink(missing_ok=True)
    former.symlink_to(door.name)
