"""A run whose conversation was made shorter goes on from the shorter one: here, or carried away."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from daemon.agent.compaction import too_long
from daemon.agent.ends import Limits
from daemon.agent.providers import Usage
from daemon.agent.record import Record
from tests.agent.scripted_run import DONE, PROOF, Script, calls, run_of

STEPS = 10
LIMITS = Limits(50, context_tokens=20_000)
WORK = (
    *(
        replace(
            calls(("sh", {"command": f"echo {n} >> log"}), ("read_file", {"path": "big"})),
            usage=Usage(),
        )
        for n in range(STEPS)
    ),
    PROOF,
    DONE,
)


class Killed(BaseException):
    pass


class Mortal(Record):
    """Its run is killed after so many writes."""

    left = -1

    def write(self, event: Any, durable: bool = True) -> None:
        super().write(event, durable)
        self.left -= 1
        if self.left == 0:
            raise Killed


def made(folder: Path) -> Path:
    (folder / "work").mkdir(parents=True)
    (folder / "work/big").write_text("word " * 2_000)
    return folder


def asked(folder: Path, killed_at: int = 0) -> list[Any]:
    """What a run of the record in `folder` asks its model, until its end or its death."""
    record = Mortal.open(folder / "record")
    record.left = killed_at - len((folder / "record").read_bytes().splitlines())
    done = sum(event["kind"] == "reply" for event in record.events)
    run = run_of(folder, *WORK[done:], limits=LIMITS, record=record)
    try:
        assert run.until_end().status == "done"
    except Killed:
        assert killed_at
    finally:
        record.close()
    assert isinstance(run.provider, Script)
    return run.provider.asked


def test_a_shortened_run_goes_on_from_what_it_was_shortened_to(tmp_path: Path) -> None:
    """It asks what one that nobody killed asks, and runs nothing twice; also in another folder."""
    whole = asked(made(tmp_path / "whole"))
    kinds = [one["kind"] for one in Record.open(tmp_path / "whole/record").events]
    first = kinds.index("compacted")
    # Between a reply and its first result nobody knows whether that ran: another test has this.
    points = [at for at in range(first, len(kinds) - 1) if kinds[at] != "reply"]
    assert kinds.count("compacted") > 1
    assert not any(too_long(one, LIMITS.context_tokens) for one in whole)
    for point in points:
        here = made(tmp_path / f"{point}")
        before = asked(here, point + 1)
        there = tmp_path / f"carried-{point}" / "home"
        shutil.copytree(here, there)
        for folder in (here, there):
            assert before + asked(folder) == whole, kinds[point]
            assert (folder / "work/log").read_text().split() == [str(n) for n in range(STEPS)]
