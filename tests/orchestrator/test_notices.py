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

from daemon.core.release import Release
from daemon.state.settings import load
from daemon.supervisor.notices import A_MINUTE_MAX, STREAK, Notices
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


def test_a_storm_of_events_is_not_one_of_notices(here: House) -> None:
    kept = notices(here)
    assert sum(kept._may() for _ in range(50)) == A_MINUTE_MAX
