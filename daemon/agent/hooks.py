"""What a run tells others, and asks them, while it goes on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from daemon.agent.messages import Call
from daemon.agent.tools.tool import Result


class Interrupted(Exception):
    """Somebody has something to say at once; what the model was saying is dropped."""


def _nothing() -> list[str]:
    return []


def _never() -> bool:
    return False


@dataclass
class Hooks:
    """What others want to know; `step` returns when the step is safe with them."""

    turn: Callable[[int, str], None]
    call: Callable[[int, Call], None]
    result: Callable[[int, Call, Result], None]
    step: Callable[[int, str], None]
    late: Callable[[], bool]  # whether the time is up
    told: Callable[[], list[str]] = _nothing  # what was said to the agent meanwhile
    stopped: Callable[[], bool] = _never  # whether somebody wants it to end
    urgent: Callable[[], bool] = _never  # whether somebody has something to say at once
