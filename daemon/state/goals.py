"""Which goal a cycle works on: the one named, else the next open one, else the one that ships."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from daemon.core.candidate import Stage
from daemon.core.goal import TEXT_CHARS_MAX, Goal
from daemon.state.journal import Journal
from ops.errors import Exit, Refused

SHIPPED = Path("daemon/broker/sessions/first.json")
SHIPPED_ID = "first"


def make(name: str, **fields: Any) -> Goal:
    """A goal of checked fields. Raises Refused with the first thing that is wrong."""
    text = str(fields.get("text", ""))
    if not text.strip():
        raise Refused("the goal is empty", "say what should become better: --goal TEXT")
    if len(text) > TEXT_CHARS_MAX:
        raise Refused(
            f"the goal has {len(text)} characters and the most is {TEXT_CHARS_MAX}",
            "say it shorter, and put details into a file of the repo",
        )
    try:
        return Goal(id=name, **{key: value for key, value in fields.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Refused(
            f"the goal's {where}: {first['msg']}", "see: orgctl goal add --help"
        ) from error


def new_id(journal: Journal) -> str:
    """`g1`, `g2`, …; a removed goal's number is not given again."""
    number = int(journal.fact("goals") or "0") + 1
    journal.set_fact("goals", str(number))
    return f"g{number}"


def find(journal: Journal, name: str) -> Goal:
    goal = journal.goal(name)
    if goal is None:
        raise Refused(f"no goal {name!r}", "see: orgctl goal list", Exit.ABSENT)
    return goal


def reached(journal: Journal) -> frozenset[str]:
    """The ids of goals that a promoted candidate served."""
    done = (one for one in journal.candidates() if one.state is Stage.PROMOTED)
    return frozenset(one.wish.id for one in done if one.wish)


def shipped(program: Path) -> Goal | None:
    """The goal that ships with org, with the session that answers it."""
    path = program / SHIPPED
    if not path.exists():
        return None
    fields = json.loads(path.read_bytes())
    session = str((program / SHIPPED).with_suffix(".jsonl"))
    return Goal(id=SHIPPED_ID, session=session, **fields)


def following(journal: Journal, program: Path | None) -> Goal:
    """The next goal nobody named. Raises Refused when there is none left."""
    done = reached(journal)
    for goal in journal.goals():
        if goal.id not in done:
            return goal
    first = shipped(program) if program is not None else None
    if first is not None and first.id not in done:
        return first
    raise Refused(
        "there is no open goal", 'name one: orgctl evolve --wait --goal "..."', Exit.MISUSE
    )
