"""`/api/events`: heard as they happen, and taken up again with none left out."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from daemon.core.events import Kind
from daemon.orchestrator.facts import Facts
from daemon.orchestrator.hub import BACKLOG_MAX, Filter, Hub
from tests.orchestrator.house import House, served


@contextmanager
def following(
    http: httpx.Client, asked: dict[str, Any] | None = None, **headers: str
) -> Iterator[Iterator[dict[str, Any]]]:
    """Events as they come, each with the id it was sent under."""
    headers = {"accept": "text/event-stream", **headers}
    with http.stream("GET", "/api/events", params=asked, headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = answer.iter_lines()
        assert next(lines) == "retry: 1000"

        def events() -> Iterator[dict[str, Any]]:
            number = 0
            for line in lines:
                if line.startswith("id: "):
                    number = int(line[4:])
                elif line.startswith("data: "):
                    yield json.loads(line[6:]) | {"id": number}

        yield events()


def test_events_are_heard_as_they_happen(here: House, http: httpx.Client) -> None:
    """Each is sent once, under its own number."""
    with following(http) as events:
        threading.Timer(0.3, here.tell, (Kind.NOTICE,), {"text": "one"}).start()
        first = next(events)
        assert (first["text"], first["id"]) == ("one", first["number"])
        here.tell(Kind.NOTICE, text="two")
        assert next(events)["text"] == "two"


def test_events_are_taken_up_where_they_were_left(here: House, http: httpx.Client) -> None:
    """With the last id seen: what was missed first, in order, then what comes."""
    last = http.get("/api/events?limit=1").json()["events"][-1]["number"]
    for word in ("missed 1", "missed 2"):
        here.tell(Kind.NOTICE, text=word)
    with following(http, **{"last-event-id": str(last)}) as events:
        assert [next(events)["text"] for _ in range(2)] == ["missed 1", "missed 2"]
        here.tell(Kind.NOTICE, text="live")
        assert next(events)["text"] == "live"


def test_however_much_was_missed_is_told(here: House, http: httpx.Client) -> None:
    """More than one answer holds, then what comes: no number is left out."""
    last = http.get("/api/events?limit=1").json()["events"][-1]["number"]

    def fill() -> None:
        with here.world.journal.together():
            for _ in range(2 * BACKLOG_MAX + 10):
                here.world.tell(Kind.NOTICE, text="missed")

    here.do(fill)
    with following(http, **{"last-event-id": str(last)}) as events:
        numbers = [next(events)["number"] for _ in range(2 * BACKLOG_MAX + 10)]
        here.tell(Kind.NOTICE, text="live")
        numbers.append(next(events)["number"])
    assert numbers == list(range(last + 1, last + 2 * BACKLOG_MAX + 12))


class Overflowed(Facts):
    """A supervisor that was away, whose ear then lost some: what it wrote down it still knows."""

    def __init__(self, kept: int, heard: list[int]) -> None:
        super().__init__("nowhere")
        self.kept, self.heard = kept, heard

    async def ask(self, verb: str, args: Any = None, *_: object) -> dict[str, Any]:
        first = args["after"] + 1
        page = range(first, min(first + args["limit"], self.kept + 1))
        return {"events": [event(number) for number in page]}

    async def follow(self) -> AsyncIterator[dict[str, Any]]:
        yield {}
        for number in self.heard:
            yield event(number)
        await asyncio.Event().wait()


def event(number: int) -> dict[str, Any]:
    return {"number": number, "kind": "notice", "candidate": None}


def test_what_the_supervisors_ear_lost_is_asked_for() -> None:
    async def run() -> list[bytes]:
        hub = Hub(Overflowed(500, [1, 2, 500]))
        stream = hub.stream(None, Filter())
        found = [await anext(stream)]
        while b"id: 500\n" not in found[-1]:
            found.append(await anext(stream))
        hub.close()
        return found

    said = b"".join(asyncio.run(run())).splitlines()
    ids = [line for line in said if line.startswith(b"id: ")]
    assert ids == [b"id: %d" % n for n in range(1, 501)]


def test_a_thousand_who_listen_all_hear_the_same_bytes() -> None:
    """An event is written once, and each stream ends when its process drains."""

    async def run() -> tuple[list[bytes], list[bytes]]:
        hub = Hub(Overflowed(1, [1]))
        streams = [hub.stream(None, Filter()) for _ in range(1000)]
        begun = await asyncio.gather(*(anext(one) for one in streams))
        told = await asyncio.gather(*(anext(one) for one in streams))
        hub.leave()
        ended = await asyncio.gather(*(anext(one, b"end") for one in streams))
        hub.close()
        assert set(begun) == {b"retry: 1000\n\n"} and not hub.ears
        return told, ended

    told, ended = asyncio.run(run())
    assert told[0].startswith(b"id: 1\n") and set(ended) == {b"end"}
    assert {len(told), len({id(one) for one in told})} == {1000, 1}


def test_those_who_missed_some_while_the_supervisor_is_away_ask_again() -> None:
    """The stream ends rather than go on with a gap."""

    async def run() -> list[bytes]:
        hub = Hub(Facts("/nowhere/at/all"))
        try:
            return [piece async for piece in hub.stream(7, Filter())]
        finally:
            hub.close()

    assert asyncio.run(run()) == [b"retry: 1000\n\n"]


def test_a_stream_tells_only_what_was_asked_for(here: House, http: httpx.Client) -> None:
    """By kind and by candidate, for what was missed, for what comes, and in pages."""
    last = http.get("/api/events?limit=1").json()["events"][-1]["number"]
    asked = {"after": last, "kind": "notice", "candidate": "20261121T141414Z"}
    here.tell(Kind.NOTICE, "20261121T141414Z", text="missed")
    here.tell(Kind.NOTICE, text="of nobody")
    here.tell(Kind.AUTHOR_TURN, "20261121T141414Z", said={})
    page = http.get("/api/events", params=asked).json()["events"]
    assert [one["text"] for one in page] == ["missed"]
    with following(http, asked) as events:
        assert next(events)["text"] == "missed"
        here.tell(Kind.AUTHOR_TURN, "20261121T141414Z", said={})
        here.tell(Kind.NOTICE, "20261121T141414Z", text="live")
        assert next(events)["text"] == "live"


def test_a_drained_process_sends_its_listeners_on(here: House) -> None:
    """The stream ends cleanly, so that a browser takes it up again at the new process."""
    with served(here) as (running, url):
        with httpx.Client(base_url=url, trust_env=False, timeout=20) as client:
            with following(client) as events:
                running.do("drain")
                assert list(events) == []
            running.do("accept")
            with following(client) as events:
                here.tell(Kind.NOTICE, text="again")
                assert next(events)["text"] == "again"
