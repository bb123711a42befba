"""A run that was killed goes on from every point, and runs nothing twice."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from daemon.agent.loop import Run
from daemon.agent.providers import Reply
from daemon.agent.record import Record
from daemon.agent.workspace import Workspace
from ops.errors import Refused
from tests.agent.scripted_run import DONE, OPENING, PROOF, TESTS, Script, calls, hooks, run_of, sh


class Killed(BaseException):
    pass


WORK = (
    sh("echo one >> log"),
    calls(("sh", {"command": "echo two >> log"}), ("sh", {"command": "echo three >> log"})),
    Reply('```json\n{"name": "sh", "arguments": {"command": "echo four >> log"}}\n```', ()),
    Reply("I think.", ()),
    PROOF,
    DONE,
)


@pytest.mark.process
def test_it_goes_on_from_every_point_and_runs_nothing_twice(tmp_path: Path) -> None:
    """Killed after each write to its record: the end is the same, no finished call runs again."""
    whole = worked(tmp_path / "whole", None)
    lines = len((tmp_path / "whole/record").read_bytes().splitlines())
    assert whole == "one\ntwo\nthree\nfour\n"
    for point in range(2, lines):
        log = worked(tmp_path / str(point), point)
        counts = [log.count(word) for word in ("one", "two", "three", "four")]
        assert max(counts) == 1, (point, log)


def worked(folder: Path, killed_at: int | None) -> str:
    (folder / "work").mkdir(parents=True)
    left = list(WORK)
    script = Script()

    def once(writes: int | None) -> str:
        record = Record.open(folder / "record")
        write, count = record.write, len(record.events)

        def counted(event: Any, durable: bool = True) -> None:
            nonlocal count
            write(event, durable)
            count += 1
            if writes is not None and count >= writes:
                raise Killed

        record.write = counted  # type: ignore[method-assign]
        try:
            done = sum(1 for event in record.events if event["kind"] == "reply")
            script.replies = list(left[done:])
            made = Run(script, Workspace(folder / "work", TESTS), hooks(), 50, record=record)
            made.messages = OPENING
            return made.until_end().status
        finally:
            record.close()

    if killed_at is not None:
        with pytest.raises(Killed):
            once(killed_at)
    assert once(None) == "done"
    return (folder / "work/log").read_text()


LOOK, WORDS = ("read_file", {"path": "log"}), ("one", "two", "three")
TURNS = (
    calls(LOOK, *(("sh", {"command": f"echo {word} >> log"}) for word in WORDS), LOOK),
    calls(("sh", {"command": "echo four >> log"}), LOOK, ("sh", {"command": "echo five >> log"})),
    PROOF,
    DONE,
)


@pytest.mark.process
def test_a_power_cut_lets_nothing_come_twice(tmp_path: Path) -> None:
    """Ended at each moment, the record cut back to what was synced, or to anything after it."""
    moments, cut = 0, True
    while cut:
        cut = False
        for kept in (0.0, 0.7):  # of what was written and not synced
            folder = tmp_path / f"{moments}-{kept}"
            folder.mkdir()
            cut |= powered(folder, moments, kept)
            log = (folder / "work/log").read_text().split()
            assert len(log) == len(set(log)), (moments, kept, log)
        moments += 1
    assert moments > 25


def powered(folder: Path, moments: int, kept: float) -> bool:
    """Whether the power went; in any case the run came to its end afterwards."""
    synced, left = 0, moments

    def passes(*_: object) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise Killed

    def once(tick: Callable[..., None]) -> None:
        nonlocal synced
        record = Record.open(folder / "record")
        write = record.write

        def noted(event: Any, durable: bool = True) -> None:
            nonlocal synced
            write(event, durable)
            synced = (folder / "record").stat().st_size if durable else synced
            tick()

        record.write = noted  # type: ignore[method-assign]
        done = sum(1 for event in record.events if event["kind"] == "reply")
        told = hooks(call=tick, result=tick)
        try:
            made = run_of(folder, *TURNS[done:], record=record, hooks=told)
            assert made.until_end().status == "done"
        finally:
            record.close()

    try:
        once(passes)
    except Killed:
        size = (folder / "record").stat().st_size
        os.truncate(folder / "record", synced + int((size - synced) * kept))
        once(lambda *_: None)
        return True
    return False


def test_a_step_of_one_call_costs_one_sync(tmp_path: Path) -> None:
    """Its reply; and what only looks around is not waited for either."""
    record, durables = Record.open(tmp_path / "r"), list[tuple[str, bool]]()
    write = record.write

    def noted(event: Any, durable: bool = True) -> None:
        durables.append((event["kind"], durable))
        write(event, durable)

    record.write = noted  # type: ignore[method-assign]
    run_of(tmp_path, sh("true"), calls(LOOK, LOOK, LOOK), PROOF, DONE, record=record).until_end()
    assert {kind for kind, durable in durables if durable} == {"said", "reply", "end"}


def test_a_call_that_may_have_run_is_not_run_again(tmp_path: Path) -> None:
    """Its model is told that nobody knows; looking is simply done again."""
    for name, arguments, known in (
        ("sh", {"command": "echo x >> log"}, False),
        ("list_files", {}, True),
    ):
        path = tmp_path / f"{name}.jsonl"
        record = Record.open(path)
        made = run_of(tmp_path, calls((name, arguments)), record=record)

        def die(*_: object) -> None:
            raise Killed

        made.hooks.call = die
        with pytest.raises(Killed):
            made.until_end()
        record.close()
        again = run_of(tmp_path, PROOF, DONE, record=Record.open(path))
        assert again.until_end().status == "done"
        told = next(one.content for one in again.messages if one.role == "tool")
        assert ("interrupted" in told) != known
    assert not (tmp_path / "work/log").exists()


def test_a_run_that_ended_stays_ended(tmp_path: Path) -> None:
    """Its record says how; nobody is asked again."""
    record = Record.open(tmp_path / "r")
    assert run_of(tmp_path, PROOF, DONE, record=record).until_end().status == "done"
    record.close()
    assert run_of(tmp_path, record=Record.open(tmp_path / "r")).until_end().status == "done"


def test_a_torn_line_is_cut_off_and_a_second_writer_refused(tmp_path: Path) -> None:
    record = Record.open(tmp_path / "r")
    record.write({"kind": "said", "messages": []})
    with pytest.raises(Refused, match="another run"):
        Record.open(tmp_path / "r")
    record.close()
    with (tmp_path / "r").open("ab") as out:
        out.write(b'{"kind": "re')
    assert [one["kind"] for one in Record.open(tmp_path / "r").events] == ["record", "said"]
    assert (tmp_path / "r").read_bytes().endswith(b"}\n")
