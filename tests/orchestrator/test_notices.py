"""Notices reach a real receiver, only those that were asked for, and never too many."""

from __future__ import annotations

import asyncio
import json
import queue
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from daemon.core.events import Kind
from daemon.core.release import Release
from daemon.state.settings import load
from daemon.supervisor import habits
from daemon.supervisor.notices import A_MINUTE_MAX, STREAK, Notices
from daemon.supervisor.reloading import tell_walls
from daemon.supervisor.world import World
from tests.night.clock import START, Clock, a_world
from tests.orchestrator.house import ROOT, House, house
from tests.serving import Handler, serving

HERE = Release("0" * 40, ROOT, Path(sys.executable))
SECONDS = 30.0


@pytest.fixture(scope="module")
def here() -> Iterator[House]:
    with house() as made:
        yield made


@contextmanager
def receiver() -> Iterator[tuple[str, queue.Queue[dict[str, Any]]]]:
    """What is posted there, as apprise's json:// target sends it."""
    heard: queue.Queue[dict[str, Any]] = queue.Queue()

    class Hearing(Handler):
        def do_POST(self) -> None:
            heard.put(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hearing)
    with serving(server):
        yield f"json://127.0.0.1:{server.server_address[1]}", heard


def notices(here: House, *targets: str) -> Notices:
    wanted = {"notify": {"targets": list(targets)}}
    here.world.settings = load(here.world.layout.home, wanted)
    return Notices(here.world, HERE)


def test_a_notice_reaches_its_receiver(here: House) -> None:
    """The sentence, from a process of its own; a target that is none is told by its code."""
    with receiver() as (target, heard):
        assert asyncio.run(notices(here, target).send("release/3 was taken back: slow"))
        assert heard.get(timeout=SECONDS)["message"] == "release/3 was taken back: slow"
        assert not asyncio.run(notices(here, "nonsense://x").send("x"))


@pytest.mark.parametrize(
    ("event", "name"),
    [
        ({"kind": "promotion.state", "state": "serving", "release": "release/3"}, "promotion"),
        ({"kind": "promotion.state", "state": "reverted", "reason": "slow"}, "rollback"),
        ({"kind": "promotion.state", "state": "ready"}, None),
        ({"kind": "cycle.ended", "outcome": "awaiting-approval", "candidate": "x"}, "approval"),
        ({"kind": "notice", "text": "the budget of the day is spent"}, "budget"),
        ({"kind": "notice", "text": "cells are off: it runs without walls"}, "wall"),
        ({"kind": "notice", "text": "the goal walls.toml is passed over: stalled"}, None),
        ({"kind": "notice", "text": "current gives no answer and is started again"}, "stall"),
        ({"kind": "notice", "text": "current did not start again: it ended"}, "stall"),
        ({"kind": "notice", "text": "schedule: canaries: not done: the gates let pass: x"}, "job"),
        ({"kind": "notice", "text": "schedule: report: not done: the disk is full"}, "job"),
        ({"kind": "notice", "text": "schedule: gc stands still: 'x' is no rule"}, "job"),
        ({"kind": "notice", "text": "schedule: backup: put off: busy: a cycle"}, None),
        ({"kind": "notice", "text": "a notice was not sent: /budget/logs is gone"}, None),
        ({"kind": "notice", "text": "schedule: report: 3 promoted; 100 tokens, 0.10"}, "report"),
        ({"kind": "notice", "text": "cycles are paused after 10 rejections in a row"}, "pause"),
        ({"kind": "notice", "text": "no model answers at http://127.0.0.1:9"}, "model"),
        ({"kind": "notice", "text": "schedule: cycles: no model answers; asked 3 times"}, None),
        ({"kind": "gate.ended", "name": "budget"}, None),
    ],
)
def test_what_is_worth_a_word(here: House, event: dict[str, Any], name: str | None) -> None:
    found = notices(here).worth(event)
    assert (found[0] if found else None) == name


def test_a_streak_of_rejections_is_told_once(here: House) -> None:
    """And an acceptance begins the count anew."""
    kept = notices(here)
    rejected = {"kind": "cycle.ended", "outcome": "rejected", "reason": "tests", "candidate": "x"}
    said = [kept.worth(rejected) for _ in range(STREAK + 1)]
    assert [one is not None for one in said] == [False] * (STREAK - 1) + [True, False]
    kept.worth(rejected | {"outcome": "promoted"})
    assert kept.worth(rejected) is None


def watching(here: World) -> asyncio.Task[None]:
    return asyncio.create_task(Notices(here, HERE).watch())


async def reached(heard: queue.Queue[dict[str, Any]]) -> str:
    return str((await asyncio.to_thread(heard.get, timeout=SECONDS))["message"])


def test_whom_to_tell_may_be_said_later(tmp_path: Path) -> None:
    """With nobody named at the start; settings that are read again hold from then on."""

    async def night() -> None:
        world = a_world(tmp_path, Clock())
        watch = watching(world)
        await asyncio.sleep(0)
        world.tell(Kind.NOTICE, text="cycles are paused after 3 rejections in a row")
        await asyncio.sleep(0)
        with receiver() as (target, heard):
            world.settings = load(tmp_path, {"notify": {"targets": [target], "on": ["pause"]}})
            world.tell(Kind.NOTICE, text="schedule: report: nothing was tried")
            world.tell(Kind.NOTICE, text="cycles are paused after 10 rejections in a row")
            assert await reached(heard) == "cycles are paused after 10 rejections in a row"
            watch.cancel()

    asyncio.run(night())


class Stumbling(Notices):
    """At the first event."""

    stumbled = False

    def worth(self, event: Any) -> tuple[str, str] | None:
        if not self.stumbled:
            self.stumbled = True
            raise LookupError("a bug")
        return super().worth(event)


def test_notices_come_again_after_a_bug(tmp_path: Path) -> None:
    async def night() -> None:
        world = a_world(tmp_path, Clock())
        with receiver() as (target, heard):
            world.settings = load(tmp_path, {"notify": {"targets": [target]}})
            notices = Stumbling(world, Release("c", ROOT, Path(sys.executable)))
            kept = asyncio.create_task(habits.keep(world, "the notices", notices.watch, 0.0))
            ear = world.listen()
            world.tell(Kind.NOTICE, text="anything")
            while "a bug ended the notices" not in (await ear.get())["text"]:
                pass
            world.tell(Kind.NOTICE, text="no model answers at http://127.0.0.1:9")
            assert (await reached(heard)).startswith("no model answers")
            kept.cancel()

    asyncio.run(night())


def test_what_cannot_be_sent_is_told_and_the_next_one_is_sent(tmp_path: Path) -> None:
    """Once: nobody is told by a notice that notices do not work."""

    async def night() -> None:
        world = a_world(tmp_path, Clock())
        ear = world.listen()
        with receiver() as (target, heard):
            world.settings = load(tmp_path, {"notify": {"targets": [target]}})
            watch = watching(world)
            world.layout.logs.rmdir()  # the sender's own log has no place
            world.tell(Kind.NOTICE, text="cycles are paused after 10 rejections in a row")
            await ear.get()
            told = (await asyncio.wait_for(ear.get(), SECONDS))["text"]
            assert told.startswith("a notice was not sent: ")
            world.layout.logs.mkdir()
            world.tell(Kind.NOTICE, text="no model answers at http://127.0.0.1:9")
            assert (await reached(heard)).startswith("no model answers")
            assert not watch.done()
            watch.cancel()

    asyncio.run(night())


def test_the_same_words_are_sent_once_an_hour(tmp_path: Path) -> None:
    """As of a job that fails every few minutes; what another said in between is sent."""

    async def night() -> None:
        clock = Clock()
        world = a_world(tmp_path, clock)
        with receiver() as (target, heard):
            world.settings = load(tmp_path, {"notify": {"targets": [target]}})
            watch = watching(world)
            for minutes, words in ((0, "a"), (20, "a"), (20, "b"), (61, "a")):
                clock.now = START + minutes * 60
                world.tell(Kind.NOTICE, text=f"schedule: cycles: not done: {words}")
                if (minutes, words) != (20, "a"):
                    assert (await reached(heard))[-1] == words
            watch.cancel()

    asyncio.run(night())


def test_that_cells_are_off_is_told_once(tmp_path: Path) -> None:
    """At a start or a reload, however often; and anew when they were on in between."""
    world = a_world(tmp_path, Clock())
    for backend in ("bubblewrap", "none", "none", "bubblewrap", "none"):
        world.settings = load(tmp_path, {"cells": {"backend": backend}})
        tell_walls(world)
    told = [one["text"] for one in world.journal.last_events(9)]
    assert told == ["cells are off: model-written code runs without walls"] * 2


def test_a_storm_of_events_is_not_one_of_notices(here: House) -> None:
    kept = notices(here)
    assert sum(kept._may() for _ in range(50)) == A_MINUTE_MAX
