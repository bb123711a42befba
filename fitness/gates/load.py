"""Under load the candidate is as quick as current, and what it holds does not grow.

Why: a candidate that is right but slow, or that keeps a megabyte of each request, brings
the service down an hour after its promotion. Both run fresh, side by side, and answer
the same requests in turn; only what is beyond the noise of these very pairs decides.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from http.client import HTTPConnection
from pathlib import Path

import psutil

from fitness import outside
from fitness.beside import CANDIDATE, CURRENT, Beside, Unserved, beside
from fitness.exchanges import read, write_session
from fitness.outside import Memory
from fitness.pairs import Estimate, Finding, Pair, estimate, growth
from fitness.requests import Request, connection, send
from fitness.subject import Subject
from fitness.verdict import Verdict, failed, passed
from ops.files import remove_tree

NAME = "load"
QUESTION = "Is it as quick as current, and does what it holds not grow?"
STAGE = "load"
LIMIT_SECONDS = 90.0
SERVED = True
RATIO_MAX = 1.15
ROUND_PAIRS, ROUND_REQUESTS = 8, 9
ROUNDS_FIRST, ROUNDS_MORE, PAIRS_MAX = 12, 6, 480
MEASURE_SECONDS_MAX = 20.0
LEAK_BYTES_PER_REQUEST_MAX = 32 * 2**10
# Reserved but untouched; the allocator takes it in larger steps.
RESERVED_BYTES_PER_REQUEST_MAX = 512 * 2**10
DESCRIPTORS_LEFT_MAX = 8  # of at least ROUNDS_FIRST connections of each kind
CLOSED_SECONDS_MAX = 1.0  # for a process to notice that its clients have gone
# Who works while the other one is asked slows it down: they share a processor.
WORKED_RATIO_MAX, WORKED_FREE_RATIO = 1.5, 0.1  # of current's, and of the time it is measured in
HELD_RATIO_MAX, HELD_BYTES_FREE = 1.5, 32 * 2**20
CHAT = "/v1/chat/completions"
SESSION = Path(__file__).parent.parent / "suites/load.jsonl"


@dataclass
class Side:
    """One process of the pair."""

    process: Beside
    bad: str | None = None

    def pin(self, processor: int) -> None:
        """Both sides run on the same processor, for another one may be the busier."""
        for task in Path(f"/proc/{self.process.pid}/task").iterdir():
            os.sched_setaffinity(int(task.name), {processor})

    def ask(self, made: HTTPConnection, request: Request) -> float:
        """Seconds until the whole answer."""
        answer = send(made, request)
        if answer.status != 200:
            self.bad = f"{request.name} answered {answer.status or 'nothing'} under load"
        return answer.seconds

    def memory(self) -> Memory:
        return outside.memory(self.process.pid)

    def descriptors(self) -> int:
        return outside.descriptors(self.process.pid)

    def worked(self) -> float:
        """Seconds of a processor, which both sides share."""
        return outside.worked(self.process.pid)


@dataclass
class Kind:
    """One kind of request: its pairs, and by how much memory grew in each round of them."""

    request: Request
    pairs: list[Pair] = field(default_factory=list)
    grown: dict[str, list[Memory]] = field(default_factory=lambda: defaultdict(list))
    estimate: Estimate | None = None
    finding: Finding = Finding.UNSURE

    def round(self, *sides: Side) -> None:
        """Some pairs of single requests, one right after the other, on fresh connections."""
        before = [side.memory() for side in sides]
        with ExitStack() as stack:
            made = [stack.enter_context(connection(side.process.url)) for side in sides]
            for side, opened in zip(sides, made, strict=True):
                side.ask(opened, self.request)  # the first on a connection is not like the others
            for _ in range(ROUND_PAIRS):
                # Who comes first is drawn, for the second may find things warm.
                order = (0, 1) if random.random() < 0.5 else (1, 0)
                taken = {at: sides[at].ask(made[at], self.request) for at in order}
                self.pairs.append((taken[0], taken[1]))
        for side, was in zip(sides, before, strict=True):
            now = side.memory()
            grown = Memory(now.resident - was.resident, now.reserved - was.reserved)
            self.grown[side.process.which].append(grown)

    def conclude(self) -> None:
        self.estimate = estimate(self.pairs)
        self.finding = self.estimate.against(RATIO_MAX)

    @property
    def wants_more(self) -> bool:
        return self.finding is Finding.UNSURE and len(self.pairs) < PAIRS_MAX

    @property
    def slow(self) -> bool:
        """Beyond the limit; where that stays unsure, over it and surely not as quick as current."""
        if self.finding is Finding.UNSURE and self.estimate is not None:
            return self.estimate.shown_worse(RATIO_MAX)
        return self.finding is Finding.BEYOND

    def leak(self) -> float:
        """Bytes that each request leaves behind, beyond what current does; 0 if it is noise."""
        old, new = self.grown[CURRENT], self.grown[CANDIDATE]
        resident = growth([one.resident for one in old], [one.resident for one in new])
        reserved = growth([one.reserved for one in old], [one.reserved for one in new])
        found = resident > ROUND_REQUESTS * LEAK_BYTES_PER_REQUEST_MAX
        found |= reserved > ROUND_REQUESTS * RESERVED_BYTES_PER_REQUEST_MAX
        return max(resident, reserved) / ROUND_REQUESTS if found else 0.0


def judge(subject: Subject) -> Verdict:
    """A slow one is measured again with fresh processes, for two of a kind differ as well."""
    verdict = _measured(subject)
    slow = verdict.details.get("slow")
    if slow:
        again = _measured(subject)
        if again.passed or again.details.get("slow") == slow:
            return again
    return verdict


def _measured(subject: Subject) -> Verdict:
    scratch = subject.scratch(NAME)
    kinds = [Kind(request) for request in requests()]
    try:
        with beside(subject.need, NAME, (CURRENT, CANDIDATE)) as pair:
            session = write_session(scratch / "session.jsonl", read(SESSION) * _chats(kinds))
            current, candidate = map(Side, pair)
            for side in (current, candidate):
                side.process.replies(session)
                side.pin(max(os.sched_getaffinity(0)))
            details = measure(kinds, current, candidate)
    except Unserved as why:
        return failed(NAME, f"it cannot be compared with current: {why}")
    except psutil.Error:
        return failed(NAME, "it ended under load")
    finally:
        remove_tree(scratch)
    return _concluded(kinds, None if current.bad else candidate.bad, details)


def _concluded(kinds: Sequence[Kind], bad: str | None, details: dict[str, list[int]]) -> Verdict:
    measures = {
        kind.request.name: asdict(kind.estimate)
        for kind in kinds
        if kind.estimate is not None and kind.estimate.bounded
    }
    slow = next((kind for kind in kinds if kind.slow), None)
    told: dict[str, object] = {**details, "measures": measures}
    if reason := bad or _leaks(kinds) or _keeps(details):
        return failed(NAME, reason, **told)
    if slow is not None:
        text = f"{slow.request.name} takes {slow.estimate}; the most is {RATIO_MAX}"
        return failed(NAME, text, **told, slow=slow.request.name)
    worst = max(kinds, key=lambda kind: kind.estimate.ratio if kind.estimate else 0.0)
    unsure = "" if worst.finding is Finding.WITHIN else ", which is not beyond the noise"
    return passed(NAME, f"{worst.request.name} takes {worst.estimate}{unsure}", **told)


def requests() -> tuple[Request, ...]:
    ask = read(SESSION)[0].ask
    whole = json.dumps(ask | {"stream": False}).encode()
    stream = json.dumps(ask | {"stream": True}).encode()
    return (
        Request("/healthz", "GET", "/healthz"),
        Request("the page", "GET", "/"),
        Request("/v1/models", "GET", "/v1/models"),
        Request("a completion", "POST", CHAT, whole),
        Request("a stream", "POST", CHAT, stream),
    )


def _chats(kinds: Sequence[Kind]) -> int:
    chats = sum(kind.request.path == CHAT for kind in kinds)
    return chats * (PAIRS_MAX + ROUND_PAIRS * (ROUNDS_MORE + 1)) * ROUND_REQUESTS // ROUND_PAIRS


def measure(kinds: Sequence[Kind], current: Side, candidate: Side) -> dict[str, list[int]]:
    """Take the pairs; gives what each side held at the end and the descriptors it kept."""
    sides = (current, candidate)
    for kind in kinds:  # the first requests import and connect, which is no leak and no latency
        kind.round(*sides)
        kind.pairs.clear()
        kind.grown.clear()
    before = [side.descriptors() for side in sides]
    worked, began = [side.worked() for side in sides], time.monotonic()
    _take(kinds, *sides)
    taken = time.monotonic() - began
    kept = [_kept(side, was) for side, was in zip(sides, before, strict=True)]
    return {
        "held_bytes": [side.memory().resident for side in sides],
        "kept_descriptors": kept,
        "worked_ms": [
            round((side.worked() - was) * 1000) for side, was in zip(sides, worked, strict=True)
        ],
        "measured_ms": [round(taken * 1000)],
    }


def _take(kinds: Sequence[Kind], current: Side, candidate: Side) -> None:
    """Pairs of every kind; then more of those that are unsure, up to a limit."""
    deadline = time.monotonic() + MEASURE_SECONDS_MAX
    unsure, rounds = list(kinds), ROUNDS_FIRST
    while unsure and time.monotonic() < deadline:
        for _ in range(rounds):
            for kind in unsure if time.monotonic() < deadline else ():
                kind.round(current, candidate)
        for kind in unsure:
            kind.conclude()
        if any(kind.finding is Finding.BEYOND for kind in kinds):
            return
        unsure, rounds = [kind for kind in unsure if kind.wants_more], ROUNDS_MORE


def _kept(side: Side, before: int) -> int:
    """Descriptors more than before, once it had the time to close them."""
    deadline = time.monotonic() + CLOSED_SECONDS_MAX
    while (more := side.descriptors() - before) > DESCRIPTORS_LEFT_MAX:
        if time.monotonic() > deadline:
            break
        with connection(side.process.url) as made:  # an answer means that it had a turn
            send(made, Request("/healthz", "GET", "/healthz"))
    return more


def _leaks(kinds: Sequence[Kind]) -> str | None:
    for kind in kinds:
        if leak := kind.leak():
            return f"each request of {kind.request.name} leaves {leak / 2**10:.0f} KiB behind"
    return None


def _keeps(details: Mapping[str, Sequence[int]]) -> str | None:
    """What is told of the end: (current's, the candidate's)."""
    old, new = details["kept_descriptors"]
    if new - max(0, old) > DESCRIPTORS_LEFT_MAX:
        return f"{new} descriptors stay open where {old} of current's do"
    old, new = details["held_bytes"]
    if new > old * HELD_RATIO_MAX + HELD_BYTES_FREE:
        return f"it holds {new / 2**20:.0f} MiB where current holds {old / 2**20:.0f}"
    (old, new), (taken,) = details["worked_ms"], details["measured_ms"]
    if new > old * WORKED_RATIO_MAX + taken * WORKED_FREE_RATIO:
        return f"it works {new / 1000:.1f} s for what current does in {old / 1000:.1f}"
    return None
