"""What users asked of current lately is answered by the candidate as it was by current.

Why: tests ask what their authors thought of, users ask other things. Their last requests,
masked and few, are sent to both, with the model's replies from the recording; so whatever
differs is the candidate's doing.
"""

from __future__ import annotations

import json
from pathlib import Path
from statistics import median

from fitness import answers
from fitness.answers import Said
from fitness.beside import CANDIDATE, CURRENT, Beside, Unserved, beside
from fitness.exchanges import Exchange, write_session
from fitness.requests import Request, connection, send
from fitness.subject import Subject
from fitness.verdict import Verdict, failed, passed
from ops.files import read_bounded, remove_tree

NAME = "replay"
QUESTION = "Does it answer the last requests of current's users as current does?"
STAGE = "work"
LIMIT_SECONDS = 120.0
SERVED = True
REPLAYED_MAX = 12
FILE_BYTES_MAX = 16 * 2**20
CHAT = "/v1/chat/completions"


def judge(subject: Subject) -> Verdict:
    exchanges = recent(subject.job.recent)
    if not exchanges:
        return passed(NAME, "nothing was asked of current yet")
    scratch = subject.scratch(NAME)
    try:
        with beside(subject.need, NAME, (CURRENT, CANDIDATE)) as pair:
            told = [_compared(pair, one, scratch / "session.jsonl") for one in exchanges]
    except Unserved as why:
        return failed(NAME, f"it cannot be compared with current: {why}")
    finally:
        remove_tree(scratch)
    wrong = [f"request {at}: {said}" for at, (said, _, _) in enumerate(told, 1) if said]
    ratio = median(new / old for _, old, new in told)
    if wrong:
        return failed(NAME, wrong[0], differences=wrong, seconds_ratio=ratio)
    text = f"{len(told)} recent requests are answered alike, in {ratio:.2f} times the seconds"
    return passed(NAME, text, seconds=[(old, new) for _, old, new in told])


def recent(path: Path | None) -> tuple[Exchange, ...]:
    """The newest exchanges; what cannot be read, such as half a line, is passed over."""
    if path is None or not path.exists():
        return ()
    found = []
    for line in reversed(read_bounded(path, FILE_BYTES_MAX).splitlines()):
        try:
            found.append(Exchange.parse(line))
        except (ValueError, LookupError, TypeError, RecursionError):
            continue
        if len(found) == REPLAYED_MAX:
            break
    return tuple(found)


def _compared(pair: list[Beside], one: Exchange, session: Path) -> tuple[str | None, float, float]:
    """What is wrong with the candidate's answer, and the seconds of both."""
    write_session(session, [one])
    old, new = (asked(process, one, session) for process in pair)
    return difference(old, new), old.seconds, new.seconds


def asked(process: Beside, one: Exchange, session: Path) -> Said:
    process.replies(session)
    body = json.dumps({"model": "recorded", **one.ask}).encode()
    with connection(process.url) as made:
        return answers.read(send(made, Request("a completion", "POST", CHAT, body)))


def difference(old: Said, new: Said) -> str | None:
    """None also where current fails: then nothing can be said against the candidate."""
    if old.status != 200:
        return None
    if new.status != 200:
        return f"it answers {new.status or 'nothing'} where current answers 200"
    if old.ended and not new.ended:
        return "its answer is cut off"
    if old.text.strip() and not new.text.strip() and not new.calls:
        return "its answer says nothing where current's does"
    if old.calls and not new.calls:
        return "the model's tool calls are lost"
    return answers.lacks(old.shape, new.shape)
