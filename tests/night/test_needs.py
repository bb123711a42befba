"""What the report says needs a person: each thing that does, why, and the next step; no other."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from daemon.core.candidate import Candidate, Stage
from daemon.core.clockwork import Pace
from daemon.supervisor import frozen, report
from daemon.supervisor.schedule import Schedule
from daemon.supervisor.world import World
from ops.errors import Exit, Failed, Refused
from tests.night.clock import START, Clock, a_world

BUSY = Refused("busy: a cycle since 07:00:00 (pid 7)", "wait for it", Exit.BUSY)
WINDOW = "fri 21:00-23:00"  # START lies in it


def asked(world: World, schedule: Schedule | None = None) -> list[tuple[str, str]]:
    found = report.needs(world, Pace(), schedule or Schedule(world, {}))
    return [(one["what"], one["next"]) for one in found]


def test_why_promotions_are_frozen_is_told_for_as_long_as_they_are(tmp_path: Path) -> None:
    """Also when a person freezes them once more; lifted, the reason is gone for good."""
    world = a_world(tmp_path, Clock())
    reason = "the gates let pass: a tree without tests"
    frozen.freeze(world, on=True, reason=reason)
    frozen.freeze(world, on=True)
    told = f"promotions are frozen: {reason}"
    assert asked(world) == [(told, "mend that, then: orgctl unfreeze")]
    assert frozen.why(world) == told
    frozen.freeze(world, on=False)
    assert (asked(world), frozen.why(world)) == ([], None)
    frozen.freeze(world, on=True)
    assert asked(world) == [("promotions are frozen", "lift it with: orgctl unfreeze")]


def test_a_key_that_cannot_sign_needs_a_person(tmp_path: Path) -> None:
    """And so does what else is frozen; a window of the week ends without one."""
    world = a_world(tmp_path, Clock(), freeze=(WINDOW,))
    assert "at this time" in str(frozen.why(world))
    assert asked(world) == []
    world.unsigned = Refused("the signing key k cannot be read", "make it readable")
    frozen.freeze(world, on=True)
    assert [what for what, _ in asked(world)] == [
        "the signing key k cannot be read",
        "promotions are frozen",
    ]
    assert asked(world)[0][1] == "make it readable; then: orgctl reload"


@pytest.mark.parametrize(
    ("known", "schedule", "step"),
    [
        ({"needs_approval": True}, {"cycles": "every 20m"}, "orgctl approve c1"),
        ({"needs_approval": True, "approved": True}, {}, "orgctl promote c1"),
        ({"needs_approval": True, "approved": True}, {"cycles": "every 20m"}, None),
        ({}, {}, "orgctl promote c1"),
        ({}, {"cycles": "every 20m"}, None),
    ],
)
def test_who_passed_waits_for_a_person_or_for_the_next_cycle(
    tmp_path: Path, known: dict[str, Any], schedule: dict[str, str], step: str | None
) -> None:
    """A cycle by the clock promotes what needs no yes, or has it, by itself."""
    world = a_world(tmp_path, Clock(), **schedule)
    candidate = Candidate(
        id="c1", state=Stage.JUDGED, passed=True, goal="count", created=int(START), base="b"
    )
    world.journal.save_candidate(candidate.model_copy(update=known))
    assert [how for _, how in asked(world)] == ([step] if step else [])


class Job:
    """Ends as the test says."""

    def __init__(self, tmp_path: Path) -> None:
        self.trouble: Exception | None = None
        self.world = a_world(tmp_path, Clock(), backup="every 1h")
        self.schedule = Schedule(self.world, {"backup": self})
        self.schedule.look()

    async def __call__(self) -> str:
        assert self.schedule.failures() == {}, "what runs now has not failed"
        if self.trouble is not None:
            raise self.trouble
        return "done"

    def run(self, trouble: Exception | None) -> list[tuple[str, str]]:
        async def once() -> None:
            self.schedule.begin("backup")
            await self.schedule.running["backup"]

        self.trouble = trouble
        asyncio.run(once())
        return asked(self.world, self.schedule)


def test_a_job_that_failed_needs_a_person_until_it_is_done(tmp_path: Path) -> None:
    """Another operation in its way is no failure, and makes none good."""
    job = Job(tmp_path)
    assert job.run(BUSY) == []
    failed = [("the job backup failed: the disk is full", "orgctl schedule run backup")]
    assert job.run(Failed("the disk is full")) == failed
    assert job.run(BUSY) == failed
    assert job.run(OSError(5, "it is broken"))[0][0].endswith("it is broken")
    assert job.run(None) == []
    told = [one["text"] for one in job.world.journal.last_events(9)]
    assert told[0] == f"schedule: backup: put off: {BUSY}"
    assert told[1] == "schedule: backup: not done: the disk is full"
