"""The candidate serves, and serves the commit it claims to be.

Why: a candidate that failed to bind leaves another process on the port,
and every other gate would then praise the wrong code.
"""

from __future__ import annotations

from fitness.subject import Subject
from fitness.verdict import Verdict, failed, passed

NAME = "identity"
QUESTION = "Is what answers on :7002 the commit that is judged?"
STAGE = "serve"
LIMIT_SECONDS = 30.0
SERVED = True
ANSWERS_IN_A_ROW = 3


def judge(subject: Subject) -> Verdict:
    for _ in range(ANSWERS_IN_A_ROW):
        answer = subject.get(subject.job.health)
        if answer.status != 200:
            text = f"{subject.job.health} answered {answer.status}"
            return failed(NAME, text, body=answer.text[:2000])
        if subject.job.kind != "org":
            continue  # who serves another repo need not know about commits
        told = answer.json if isinstance(answer.json, dict) else {}
        if told.get("commit") != subject.commit:
            said = told.get("commit")
            return failed(NAME, f"another commit answers here: {said}", answer=answer.text[:2000])
        if told.get("slot") != "candidate" or told.get("status") != "ok":
            return failed(NAME, "it does not say that it is a healthy candidate", answer=told)
    return passed(NAME, f"{ANSWERS_IN_A_ROW} answers in a row")
