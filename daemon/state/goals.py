"""The goals of an instance in their order, and which one a cycle works on.

The one named, else the next open one, else the one that ships.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from daemon.core.candidate import Stage
from daemon.core.goal import TEXT_CHARS_MAX, Goal
from daemon.core.project import State
from daemon.state import projects
from daemon.state.journal import Journal
from ops.errors import Exit, Refused

SHIPPED = Path("daemon/broker/sessions/first.json")
SHIPPED_ID = "first"
ORDER = "goal-order"
ALL = -1  # SQLite's word for no limit
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


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
    done = journal.archive(None, str(Stage.PROMOTED), "", ALL)
    return frozenset(one.wish.id for one in done if one.wish)


def ordered(journal: Journal) -> list[Goal]:
    """As they are worked on: by priority, then as people put them, then as they came."""
    order = {name: place for place, name in enumerate(_order(journal))}
    return sorted(journal.goals(), key=lambda one: (-one.priority, order.get(one.id, len(order))))


def _order(journal: Journal) -> list[str]:
    found = json.loads(journal.fact(ORDER) or "[]")
    return [str(name) for name in found]


def reorder(journal: Journal, names: Sequence[str]) -> list[Goal]:
    """The named goals come first, in this order, with the highest priority that there is."""
    first = [find(journal, name) for name in dict.fromkeys(names)]
    rest = [goal for goal in ordered(journal) if goal.id not in {one.id for one in first}]
    highest = max((goal.priority for goal in (*first, *rest)), default=0)
    with journal.together():
        for goal in first:
            journal.save_goal(goal.model_copy(update={"priority": highest}))
        journal.set_fact(ORDER, json.dumps([goal.id for goal in (*first, *rest)]))
    return ordered(journal)


def take_from_repo(journal: Journal, found: Mapping[str, Mapping[str, Any]]) -> None:
    """The goals that the evolved repo's own folder holds: new, changed and gone ones."""
    for goal in journal.goals():
        if goal.source is not None and goal.id not in found:
            journal.remove_goal(goal.id)
    for name, fields in found.items():
        if not NAME.fullmatch(name):
            raise Refused(f"{name!r} is no name for a goal", "use letters, digits, . _ and -")
        known = journal.goal(name)
        if known is not None and known.source is None:
            continue  # a person's goal of the same name stands
        goal = make(name, **{**fields, "source": f"goals/{name}"})
        if goal != known:
            journal.save_goal(goal)


def shipped(program: Path) -> Goal | None:
    """The goal that ships with org, with the session that answers it."""
    path = program / SHIPPED
    if not path.exists():
        return None
    fields = json.loads(path.read_bytes())
    session = str((program / SHIPPED).with_suffix(".jsonl"))
    return Goal(id=SHIPPED_ID, session=session, **fields)


def open_goals(journal: Journal) -> list[Goal]:
    """Those that may be worked on now: neither reached, nor blocked, nor merely proposed.

    Nor those whose draft waits for its model, or to be judged.
    """
    under_way = (one for one in journal.open_candidates() if one.state is not Stage.JUDGED)
    done = reached(journal) | {one.wish.id for one in under_way if one.wish}
    ended = (State.COMPLETE, State.BLOCKED)
    return [
        goal
        for goal in ordered(journal)
        if goal.id not in done
        and not goal.proposed
        and projects.find(journal, goal.id).state not in ended
    ]


def following(journal: Journal, program: Path | None) -> Goal:
    """The next goal nobody named. Raises Refused when there is none left."""
    for goal in open_goals(journal):
        return goal
    first = shipped(program) if program is not None else None
    if first is not None and first.id not in reached(journal):
        return first
    raise Refused(
        "there is no open goal", 'name one: orgctl evolve --wait --goal "..."', Exit.MISUSE
    )
