"""The candidate serves, and serves the commit it claims to be.

Why: a candidate that failed to bind leaves another process on the port,
and every other gate would then praise the wrong code.
"""

from __future__ import annotations

import httpx

from fitness.subject import Reply, Subject
from fitness.verdict import Verdict, failed, passed

NAME = "identity"
QUESTION = "Is what answers on :7002 the commit that is judged?"
STAGE = "serve"
LIMIT_SECONDS = 30.0
SERVED = True
ANSWERS_IN_A_ROW = 3
SHOWN_CHARS_MAX = 2_000


def judge(subject: Subject) -> Verdict:
    for _ in range(ANSWERS_IN_A_ROW):
        try:
            answer = subject.get(subject.job.health)
        except httpx.HTTPError as error:
            return failed(NAME, f"{subject.job.health} was not answered: {error}")
        if answer.status != 200:
            text = f"{subject.job.health} answered {answer.status}"
            return failed(NAME, text, answer=answer.text[:SHOWN_CHARS_MAX])
        # Who serves another repo need not know about commits.
        if subject.job.kind == "org" and (reason := _stranger(subject, answer)):
            return failed(NAME, reason, answer=answer.text[:SHOWN_CHARS_MAX])
    return passed(NAME, f"{ANSWERS_IN_A_ROW} answers in a row")


def _stranger(subject: Subject, answer: Reply) -> str | None:
    """Why this is not the candidate that is judged; None when it is."""
    told = answer.json
    if not isinstance(told, dict):
        return f"{subject.job.health} is no JSON object"
    if told.get("commit") != subject.commit:
        return f"another commit answers here: {told.get('commit')}"
    if told.get("slot") != "candidate" or told.get("status") != "ok":
        return "it does not say that it is a healthy candidate"
    pid = told.get("pid")
    return None if type(pid) is int and pid > 0 else "it does not know its own pid"
