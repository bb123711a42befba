"""Runs the gates, stage by stage, and gives the scorecard; fails closed in every way it knows.

A process of its own: descriptor 4 brings one job and takes events and the card. Gates get
no descriptor, so nothing that runs in a cell can speak here.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import select
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Any

from fitness import gates
from fitness.gates import Gate, tests
from fitness.scorecard import Score, Scorecard
from fitness.subject import Job, Subject
from fitness.verdict import Unjudged, Verdict, failed

JOB_FD = 4
GRACE_SECONDS = 5.0  # beyond a gate's own limit, for the cell to end
JOB_SECONDS = 60.0
SERVED_SECONDS = 120.0
PARALLEL_MAX = 6
REASON_CHARS_MAX = 600
# What the machine had no more of; not what a candidate's connection may end with.
SCARCE = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ENOMEM, errno.EMFILE, errno.ENFILE)


@dataclass
class Line:
    """The line to the supervisor; gates of one stage speak from several threads.

    `stream` only reads: one that also wrote would lose words that are said while it waits.
    """

    own: socket.socket
    stream: IO[str]
    lock: threading.Lock = field(default_factory=threading.Lock)
    asking: threading.Lock = field(default_factory=threading.Lock)

    def say(self, **message: object) -> None:
        with self.lock:
            self.own.sendall(json.dumps(message).encode() + b"\n")

    def hear(self, seconds: float) -> dict[str, Any]:
        """The next message; empty when the supervisor is gone or silent for so long."""
        # One message is asked for at a time, so none can lie unseen in the stream's buffer.
        ready, _, _ = select.select([self.own], [], [], seconds)
        line = self.stream.readline() if ready else ""
        return dict(json.loads(line)) if line else {}

    def ask(self, need: str, **what: object) -> dict[str, Any]:
        """Have the supervisor do it; one at a time, so that each has its own answer."""
        with self.asking:
            self.say(need=need, **what)
            silent = {"failed": "the supervisor does not answer", "ours": True}
            return self.hear(SERVED_SECONDS) or silent


def suite_digest() -> str:
    """sha256 over every file of the judge, so that a verdict names who gave it."""
    root = Path(__file__).parent
    whole = hashlib.sha256()
    files = [path for path in root.rglob("*.*") if path.is_file() and path.suffix != ".pyc"]
    for path in sorted(files):
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
    card = card.model_copy(update={"passed": bool(expected) and card.complete()})
    if card.passed and subject.job.only is None:
        tests.remember(subject)
    return card


def _serve(subject: Subject, line: Line) -> None:
    """Have it served; when that fails, the gates that ask it say so."""
    if not subject.job.serve:
        subject.unserved = "it is judged without being served"
        return
    answer = line.ask("serve")
    served = answer.get("served")
    if isinstance(served, dict):
        subject.url = str(served["url"])
    else:
        subject.unserved = str(answer.get("failed"))
        subject.excused = bool(answer.get("ours"))


def _stage(subject: Subject, line: Line, chosen: list[Gate]) -> list[Score]:
    with ThreadPoolExecutor(min(PARALLEL_MAX, len(chosen))) as pool:
        return list(pool.map(partial(score, subject, line), chosen))


def score(subject: Subject, line: Line, gate: Gate, grace_seconds: float = GRACE_SECONDS) -> Score:
    """The gate's row, within its limit: a gate that hangs is left behind and has failed."""
    line.say(event="gate", name=gate.name, stage=gate.stage, state="started")
    began = time.monotonic()
    said: list[Verdict] = []
    # A thread of its own that lives as long as the cells it starts.
    worker = threading.Thread(target=lambda: said.append(_verdict(subject, gate)), daemon=True)
    worker.start()
    worker.join(gate.limit_seconds + grace_seconds)
    if said:
        verdict = said[0]
    elif worker.is_alive():
        verdict = failed(gate.name, f"no verdict within {gate.limit_seconds:g} s")
    else:
        verdict = failed(gate.name, "the gate ended without a verdict")
    row = Score(
        name=gate.name,
        stage=gate.stage,
        passed=verdict.passed,
        seconds=round(time.monotonic() - began, 3),
        reason=sentence(verdict.reason),
        evidence=_keep(subject, gate, verdict),
    )
    measures = verdict.details.get("measures", {})  # what pictures of many releases are made of
    told = {**row.model_dump(mode="json"), "measures": measures, "judged": verdict.judged}
    line.say(event="gate", state="ended", **told)
    return row


def _verdict(subject: Subject, gate: Gate) -> Verdict:
    if gate.served and subject.url is None:
        verdict = failed(gate.name, f"it could not be served: {subject.unserved}")
        return verdict.model_copy(update={"judged": not subject.excused})
    try:
        return gate.judge(subject)
    except Exception as broken:  # noqa: BLE001 - a gate that breaks has not passed
        verdict = failed(gate.name, f"the gate broke: {type(broken).__name__}: {broken}")
        short = isinstance(broken, OSError) and broken.errno in SCARCE
        return verdict.model_copy(update={"judged": not (short or isinstance(broken, Unjudged))})


def sentence(reason: str) -> str:
    """One bounded line of printable characters, whatever a candidate made a gate say."""
    line = " ".join(reason.split())
    shown = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line[:REASON_CHARS_MAX])
    return shown + (" …" if len(line) > REASON_CHARS_MAX else "")


def _keep(subject: Subject, gate: Gate, verdict: Verdict) -> str:
    """The verdict's details as a file; gives its name below the evidence folder."""
    path = subject.job.evidence / f"{gate.name}.json"
    path.write_text(json.dumps(verdict.model_dump(mode="json"), indent=1, default=str))
    return f"{subject.job.evidence.name}/{path.name}"


def main(_: list[str]) -> int:
    with socket.socket(fileno=JOB_FD) as own, own.makefile("r", encoding="utf-8") as stream:
        line = Line(own, stream)
        job = Job.model_validate(line.hear(JOB_SECONDS))
        card = judge(Subject(job, need=line.ask), line)
        line.say(scorecard=card.model_dump(mode="json"))
    os._exit(0)  # a gate that hangs in its thread must not keep the jury alive
