"""Tasks whose answers its author never saw are solved by the candidate as well as by current.

Why: what can be read can be fitted to. The tasks are kept out of every cell; the models'
words are recorded, so a task that current solves and the candidate does not is the
candidate's doing. One that differs is asked again, for a single time may be bad luck.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from fitness.answers import Said
from fitness.beside import CANDIDATE, CURRENT, Beside, Unserved, beside
from fitness.exchanges import Exchange, read, write_session
from fitness.gates.replay import asked
from fitness.subject import Subject
from fitness.verdict import Verdict, failed, passed
from ops.files import remove_tree

NAME = "behaviour"
QUESTION = "Does it solve unseen tasks as well as current does?"
STAGE = "work"
LIMIT_SECONDS = 120.0
SERVED = True
TRIES_MAX = 3
TASKS = Path(__file__).parents[1] / "suites/behaviour/tasks.jsonl"


def judge(subject: Subject) -> Verdict:
    scratch = subject.scratch(NAME)
    solved: dict[str, list[str]] = {CURRENT: [], CANDIDATE: []}
    lost: dict[str, str] = {}
    tasks = [(mode, task) for task in read(TASKS) for mode in (False, True)]
    try:
        with beside(subject.need, NAME, (CURRENT, CANDIDATE)) as pair:
            for stream, task in tasks:
                name = f"{task.more['name']}{', streamed' if stream else ''}"
                asking = replace(task, ask=task.ask | {"stream": stream})
                for which, wrong in _tried(pair, asking, scratch / "session.jsonl").items():
                    if wrong is None:
                        solved[which].append(name)
                    elif which == CANDIDATE:
                        lost[name] = wrong
    except Unserved as why:
        return failed(NAME, f"it cannot be compared with current: {why}")
    finally:
        remove_tree(scratch)
    rates = {which: f"{len(names)}/{len(tasks)}" for which, names in solved.items()}
    worse = [name for name in lost if name in solved[CURRENT]]
    if worse:
        text = f"{len(worse)} tasks that current solves it does not, as {worse[0]}"
        return failed(NAME, f"{text}: {lost[worse[0]]}", solved=rates, lost=lost)
    return passed(NAME, f"solves {rates[CANDIDATE]} unseen tasks, current {rates[CURRENT]}")


def _tried(pair: list[Beside], task: Exchange, session: Path) -> dict[str, str | None]:
    """By side what is wrong, the last of some tries for one that does worse than the other."""
    write_session(session, [task])
    for _ in range(TRIES_MAX):
        found = {one.which: _wrong(asked(one, task, session), task.more["wanted"]) for one in pair}
        if (found[CURRENT] is None) == (found[CANDIDATE] is None):
            break
    return found


def _wrong(said: Said, wanted: dict[str, Any]) -> str | None:
    """Against what must come out; a key that is not given may be anything."""
    got = {
        "status": said.status,
        "text": said.text,
        "calls": [list(call) for call in said.values()],
        "finish": said.finish,
    }
    for key, value in wanted.items():
        if got[key] != value:
            return f"another {key} comes out"
    return None if said.ended or said.status != 200 else "the answer is cut off"
