"""The goals of an instance in their order, and which one a cycle works on.

The one named, else the next open one, else the one that ships.
"""

from __future__ import annotations

import json
import re
from collections.abc import Container, Mapping, Sequence
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
RAISED = "goal-raised"  # a goal of the repo -> its file's priority, and what a person made of it
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
    while journal.goal(f"g{number}") is not None:  # a goal of the repo is called so
        number += 1
    journal.set_fact("goals", str(number))
    return f"g{number}"


def find(journal: Journal, name: str) -> Goal:
    goal = journal.goal(name)
    if goal is None:
        raise Refused(f"no goal {name!r}", "see: orgctl goal list", Exit.ABSENT)
    return goal


def reached(journal: Journal) -> frozenset[str]:
    """The ids of goals that a promoted candidate serves, which was not taken back."""
    done, back = journal.archive(None, str(Stage.PROMOTED), "", ALL), journal.taken_back()
    return frozenset(one.wish.id for one in done if one.wish and one.merge not in back)


def ordered(journal: Journal) -> list[Goal]:
    """As they are worked on: by priority, then as people put them, then as they came."""
    order = {name: place for place, name in enumerate(_order(journal))}
    return sorted(journal.goals(), key=lambda one: (-one.priority, order.get(one.id, len(order))))


def _order(journal: Journal) -> list[str]:
    found = json.loads(journal.fact(ORDER) or "[]")
    return [str(name) for name in found]


def reorder(journal: Journal, names: Sequence[str]) -> list[Goal]:
    """The named goals come first, in this order, with the highest priority that there is.

    For a goal of the repo that holds until its file says another priority than it does now.
    """
    first = [find(journal, name) for name in dict.fromkeys(names)]
    rest = [goal for goal in ordered(journal) if goal.id not in {one.id for one in first}]
    highest = max((goal.priority for goal in (*first, *rest)), default=0)
    raised = _raised(journal)
    for goal in first:
        if goal.source is not None:
            raised[goal.id] = (raised.get(goal.id, (goal.priority, 0))[0], highest)
    with journal.together():
        for goal in first:
            journal.save_goal(goal.model_copy(update={"priority": highest}))
        journal.set_fact(RAISED, json.dumps(raised) if raised else None)
        journal.set_fact(ORDER, json.dumps([goal.id for goal in (*first, *rest)]))
    return ordered(journal)


def _raised(journal: Journal) -> dict[str, tuple[int, int]]:
    found = json.loads(journal.fact(RAISED) or "{}")
    return {str(name): (int(own), int(now)) for name, (own, now) in found.items()}


def take_from_repo(
    journal: Journal, found: Mapping[str, Mapping[str, Any]], broken: Container[str] = ()
) -> None:
    """The goals that the evolved repo's own folder holds: new, changed and gone ones.

    Of those that are `broken` now, what they were stays; and so does a person's order of them.
    """
    raised = _raised(journal)
    kept = {name: row for name, row in raised.items() if name in broken}
    for goal in journal.goals():
        if goal.source is not None and goal.id not in found and goal.id not in broken:
            journal.remove_goal(goal.id)
    for name, fields in found.items():
        known = journal.goal(name)
        if known is not None and known.source is None:
            continue  # a person's goal of the same name stands
        goal = of_repo(name, fields)
        own, priority = raised.get(name, (None, 0))
        if own == goal.priority:
            goal = goal.model_copy(update={"priority": priority})
            kept[name] = (own, priority)
        if goal != known:
            journal.save_goal(goal)
    if kept != raised:
        journal.set_fact(RAISED, json.dumps(kept) if kept else None)


def of_repo(name: str, fields: Mapping[str, Any]) -> Goal:
    """Raises Refused."""
    if not NAME.fullmatch(name):
        raise Refused(f"{name!r} is no name for a goal", "use letters, digits, . _ and -")
    return make(name, **{**fields, "source": f"goals/{name}"})


def shipped(program: Path) -> Goal | None:
    """The goal that ships with org, with the session that answers it."""
    path = program / SHIPPED
    if not path.exists():
        return None
    fields = json.loads(path.read_bytes())
    session = str((program / SHIPPED).with_suffix(".jsonl"))
    return Goal(id=SHIPPED_ID, session=session, **fields)


def open_goals(journal: Journal, spent: Container[str] = ()) -> list[Goal]:
    """Those that may be worked on now: neither reached, nor blocked, nor merely proposed.

    Nor those that have a candidate under way or waiting for a person, nor the `spent` ones.
    """
    done = reached(journal) | _under_way(journal)
    ended = (State.COMPLETE, State.BLOCKED)
    return [
        goal
        for goal in ordered(journal)
        if goal.id not in done
        and goal.id not in spent
        and not goal.proposed
        and projects.find(journal, goal.id).state not in ended
    ]


def _under_way(journal: Journal) -> frozenset[str]:
    return frozenset(one.wish.id for one in journal.open_candidates() if one.wish)


def following(journal: Journal, program: Path | None, spent: Container[str] = ()) -> Goal:
    """The next goal nobody named. Raises Refused when there is none left."""
    for goal in open_goals(journal, spent):
        return goal
    first = shipped(program) if program is not None else None
    if first is not None and first.id not in reached(journal) | _under_way(journal):
        return first
    raise Refused(
        "there is no open goal", 'name one: orgctl evolve --wait --goal "..."', Exit.MISUSE
    )
