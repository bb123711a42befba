"""Going round in circles, seen by its patterns in the last turns; waiting is none of them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from daemon.agent.messages import Call

SAME_MIN = 2  # the same calls with the same answers, and nothing changed
FAILING_MIN = 3  # the same calls, and an error each time
CYCLE_LENGTHS = (2, 3)  # turns that come again, twice over
STALE_MIN = 8  # turns in a row that brought nothing new
WINDOW_TURNS = 24
WAITS = frozenset({"wait"})  # not a question: it is answered at once, and nobody is waited for
BOUNDED = r"(?:timeout\s+(?:-\S+\s+)*[\d.]+[smhd]?\s+)?"  # what it bounds may wait, or not
WAITING = re.compile(rf"(?:^|[;&|(]|\bdo\b)\s*{BOUNDED}(?:sleep|wait)\b|--wait\b|\btail\s+-f\b")


@dataclass(frozen=True)
class Turn:
    """A turn as the patterns see it: digests of what was called, and of what came back."""

    calls: str
    answers: str
    changed: bool
    failed: bool
    waits: bool

    @property
    def whole(self) -> tuple[str, str]:
        return self.calls, self.answers


def turn_of(calls: Sequence[Call], texts: Sequence[str], changed: bool, failed: bool) -> Turn:
    asked = _digest(*(f"{call.name}\0{call.value()!r}" for call in calls))
    return Turn(asked, _digest(*texts), changed, failed, all(_waits(call) for call in calls))


def circling(turns: Sequence[Turn]) -> str | None:
    """What pattern the last turns make, in words; None when they make none."""
    if not turns or turns[-1].waits:
        return None
    same = _run(turns, lambda one: one.whole == turns[-1].whole and not one.changed)
    if same >= SAME_MIN:
        return f"the same call was made {same} times with the same answer"
    failing = _run(turns, lambda one: one.calls == turns[-1].calls and one.failed)
    if failing >= FAILING_MIN:
        return f"the same call failed {failing} times"
    for length in CYCLE_LENGTHS:
        last, before = turns[-length:], turns[-2 * length : -length]
        if len(before) == length and [one.whole for one in last] == [one.whole for one in before]:
            return f"the same {length} turns came again"
    known = {one.whole for one in turns[:-STALE_MIN]}
    if len(turns) > STALE_MIN and all(_stale(one, known) for one in turns[-STALE_MIN:]):
        return f"{STALE_MIN} turns brought nothing new"
    return None


def _stale(turn: Turn, known: set[tuple[str, str]]) -> bool:
    return turn.whole in known and not turn.changed and not turn.waits


def _run(turns: Sequence[Turn], fits: Callable[[Turn], bool]) -> int:
    """How many of the last turns fit, without a gap."""
    count = 0
    for one in reversed(turns):
        if not fits(one):
            break
        count += 1
    return count


def _waits(call: Call) -> bool:
    value = call.value()
    command = value.get("command") if isinstance(value, dict) else None
    return call.name in WAITS or bool(isinstance(command, str) and WAITING.search(command))


def _digest(*texts: str) -> str:
    whole = hashlib.sha256()
    for text in texts:
        whole.update(text.encode("utf-8", "surrogatepass") + b"\0")
    return whole.hexdigest()[:24]
