"""Other processes of the candidate and of current, served side by side for one gate alone.

What is measured or broken must not be the process on :7002 that other gates ask, and
current must not be asked at all: users are served by it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from fitness.verdict import Unjudged

CANDIDATE, CURRENT = "candidate", "current"


class Unserved(Exception):
    """It did not start; says why."""


class Ask(Protocol):
    """Have the supervisor do what a gate needs, and give its answer."""

    def __call__(self, need: str, **what: object) -> Mapping[str, Any]: ...


def alone(need: str, **_: object) -> Mapping[str, Any]:
    """When there is no supervisor."""
    return {"failed": f"nobody is here to ask for {need}"}


@dataclass(frozen=True)
class Beside:
    """One such process: `which` code it runs, where it answers, its pid on this machine."""

    name: str
    which: str
    url: str
    pid: int
    ask: Ask

    def replies(self, session: Path) -> None:
        """From now on its model answers from this recorded session, from its start."""
        answer = self.ask("replies", name=self.name, replies=str(session))
        if "failed" in answer:
            raise Unserved(f"no recorded model for it: {answer['failed']}")


@contextmanager
def beside(
    ask: Ask, gate: str, which: tuple[str, ...], cramped: bool = False
) -> Iterator[list[Beside]]:
    """Processes of this code until the end of the block; `cramped` can write no file.

    Raises Unserved when one of them does not start, Unjudged where that is not its own doing.
    """
    names = [f"{gate}-{one}" for one in which]
    wanted = [{"name": name, "which": one} for name, one in zip(names, which, strict=True)]
    try:
        answer = ask("beside", wanted=wanted, cramped=cramped)
        if "failed" in answer:
            raise (Unjudged if answer.get("ours") else Unserved)(str(answer["failed"]))
        yield [Beside(ask=ask, **one) for one in answer["beside"]]
    finally:
        ask("end", names=names)
