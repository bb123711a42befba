"""The candidate keeps the promises of its HTTP interface, asked from outside."""

from __future__ import annotations

from fitness.subject import Subject
from fitness.suites import contract
from fitness.verdict import Verdict, failed, passed

NAME = "contract"
QUESTION = "Does it keep the promises of its interface?"
STAGE = "serve"
LIMIT_SECONDS = 60.0
SERVED = True


def judge(subject: Subject) -> Verdict:
    broken = []
    for promise in contract.PROMISES:
        if (reason := promise.check(subject.ask)) is not None:
            broken.append({"promise": promise.name, "reason": reason})
    if broken:
        first = broken[0]
        return failed(NAME, f"{first['promise']}: {first['reason']}", broken=broken)
    return passed(NAME, f"{len(contract.PROMISES)} promises kept")
