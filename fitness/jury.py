"""Runs the gates, stage by stage, and gives the scorecard; fails closed in every way it knows.

A process of its own: descriptor 4 brings one job and takes events and the card. Gates get
no descriptor, so nothing that runs in a cell can speak here.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLate
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from fitness import gates
from fitness.gates import Gate
from fitness.scorecard import Score, Scorecard
from fitness.subject import Job, Subject
from fitness.verdict import Verdict, failed

JOB_FD = 4
GRACE_SECONDS = 5.0  # beyond a gate's own limit, for the cell to end
SERVED_SECONDS = 120.0
PARALLEL_MAX = 4


@dataclass
class Line:
    """The line to the supervisor; gates of one stage speak from several threads."""

    stream: IO[str]
    lock: threading.Lock

    def say(self, **message: object) -> None:
        with self.lock:
            self.stream.write(json.dumps(message) + "\n")
            self.stream.flush()

    def hear(self) -> dict[str, Any]:
        line = self.stream.readline()
        return dict(json.loads(line)) if line else {}


def suite_digest() -> str:
    """sha256 over every source of the judge, so that a verdict names who gave it."""
    root = Path(__file__).parent
    whole = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        whole.update(f"{path.relative_to(root)}\0".encode() + path.read_bytes())
    return whole.hexdigest()


def judge(subject: Subject, line: Line) -> Scorecard:
    """All stages in order; a stage with a failure is the last one."""
    suite = gates.suite_for(subject.job)
    if subject.job.only is not None:
        suite = tuple(gate for gate in suite if gate.name == subject.job.only)
    scores: list[Score] = []
    for stage in dict.fromkeys(gate.stage for gate in suite):
        chosen = [gate for gate in suite if gate.stage == stage]
        if any(gate.served for gate in chosen) and subject.url is None:
            _serve(subject, line)
        scores += _stage(subject, line, chosen)
        if not all(score.passed for score in scores):
            break
    expected = tuple(gate.name for gate in suite)
    card = Scorecard(
        commit=subject.job.commit,
        base=subject.job.base,
        suite=suite_digest(),
        expected=expected,
        passed=False,
        gates=tuple(scores),
    )
    return card.model_copy(update={"passed": bool(expected) and card.complete()})


def _serve(subject: Subject, line: Line) -> None:
    line.say(need="serve")
    answer = line.hear()
    served = answer.get("served")
    if isinstance(served, dict):
        subject.url = str(served["url"])
    else:
        subject.unserved = str(answer.get("failed") or "it was not served")


def _stage(subject: Subject, line: Line, chosen: list[Gate]) -> list[Score]:
    pool = ThreadPoolExecutor(min(PARALLEL_MAX, len(chosen)))
    try:
        running = [(gate, pool.submit(_timed, subject, line, gate)) for gate in chosen]
        return [_score(subject, line, gate, future) for gate, future in running]
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _timed(subject: Subject, line: Line, gate: Gate) -> tuple[Verdict, float]:
    line.say(event="gate", name=gate.name, stage=gate.stage, state="started")
    began = time.monotonic()
    try:
        if gate.served and subject.url is None:
            verdict = failed(gate.name, f"it could not be served: {subject.unserved}")
        else:
            verdict = gate.judge(subject)
    except Exception as broken:  # noqa: BLE001 - a gate that breaks has not passed
        verdict = failed(gate.name, f"the gate broke: {type(broken).__name__}: {broken}")
    return verdict, time.monotonic() - began


def _score(
    subject: Subject, line: Line, gate: Gate, future: Future[tuple[Verdict, float]]
) -> Score:
    limit = gate.limit_seconds + GRACE_SECONDS
    try:
        verdict, seconds = future.result(timeout=limit)
    except TooLate:
        verdict = failed(gate.name, f"no verdict within {gate.limit_seconds:g} s")
        seconds = limit
    score = Score(
        name=gate.name,
        stage=gate.stage,
        passed=verdict.passed,
        seconds=round(seconds, 3),
        reason=verdict.reason,
        evidence=_keep(subject, verdict),
    )
    line.say(event="gate", state="ended", **score.model_dump(mode="json"))
    return score


def _keep(subject: Subject, verdict: Verdict) -> str:
    """The verdict's details as a file; gives its name below the evidence folder."""
    path = subject.job.evidence / f"{verdict.name}.json"
    path.write_text(json.dumps(verdict.model_dump(mode="json"), indent=1, default=str))
    return f"{subject.job.evidence.name}/{path.name}"


def main(_: list[str]) -> int:
    with socket.socket(fileno=JOB_FD) as own, own.makefile("rw", encoding="utf-8") as stream:
        line = Line(stream, threading.Lock())
        job = Job.model_validate(line.hear())
        card = judge(Subject(job), line)
        line.say(scorecard=card.model_dump(mode="json"))
    os._exit(0)  # a gate that hangs in its thread must not keep the jury alive
