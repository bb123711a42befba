"""One ear at the supervisor for all who listen here: events fan out, and can be taken up again."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from daemon.orchestrator.bodies import Wrong
from daemon.orchestrator.facts import Facts

KEPT_MAX = 2000
EAR_EVENTS_MAX = 1000
EARS_MAX = 2000
BACKLOG_MAX = 1000  # in one answer
BEAT_SECONDS = 15.0
AGAIN_SECONDS = 1.0
HEAR_SECONDS = 3.0
Event = dict[str, Any]
BEAT = b": still here\n\n"


@dataclass(frozen=True)
class Filter:
    """Which events somebody listens for; None is any."""

    kind: str | None = None
    candidate: str | None = None

    def fits(self, event: Event) -> bool:
        return self.kind in (None, event["kind"]) and self.candidate in (None, event["candidate"])


@dataclass
class Hub:
    """`leaving` is set when this process drains: streams end, and begin again at the next one."""

    facts: Facts
    leaving: asyncio.Event = field(default_factory=asyncio.Event)
    kept: deque[Event] = field(default_factory=lambda: deque(maxlen=KEPT_MAX))
    ears: set[asyncio.Queue[Event | None]] = field(default_factory=set)
    task: asyncio.Task[None] | None = None
    hears: asyncio.Event = field(default_factory=asyncio.Event)
    last: int | None = None

    async def stream(self, after: int | None, wanted: Filter) -> AsyncIterator[bytes]:
        """Server-sent events, each with its number as id; with `after`, first those since then.

        It ends when those cannot be had: whoever listens asks again with the last number it saw.
        """
        ear: asyncio.Queue[Event | None] = asyncio.Queue(EAR_EVENTS_MAX)
        self.ears.add(ear)
        self._begin()
        try:
            await self._hearing()  # first listen, then look back: so nothing falls between
            yield b"retry: 1000\n\n"
            told = -1 if after is None else after
            async for event in self._since(after):
                told = event["number"]
                if wanted.fits(event):
                    yield written(event)
            while not self.leaving.is_set():
                found = await _next(ear, self.leaving)
                if found is None:
                    return
                if not found:
                    yield BEAT
                elif found["number"] > told:
                    told = found["number"]
                    if wanted.fits(found):
                        yield written(found)
        except Wrong:
            pass  # the supervisor is away
        finally:
            self.ears.discard(ear)

    async def _hearing(self) -> None:
        try:
            async with asyncio.timeout(HEAR_SECONDS):
                await self.hears.wait()
        except TimeoutError:
            pass  # the supervisor is away: its events come when it is back

    def room(self) -> bool:
        return len(self.ears) < EARS_MAX

    async def _since(self, after: int | None) -> AsyncIterator[Event]:
        """Raises Wrong when the supervisor is away."""
        if after is None:
            return
        if self.hears.is_set() and self.kept and self.kept[0]["number"] <= after + 1:
            for event in list(self.kept):
                if event["number"] > after:
                    yield event
            return
        async for event in self._missed(after):
            yield event

    async def _missed(self, after: int) -> AsyncIterator[Event]:
        """Page by page, to the last there is: what begins after that is heard."""
        while True:
            asked = {"after": after, "limit": BACKLOG_MAX}
            found = (await self.facts.ask("events", asked))["events"]
            for event in found:
                yield event
                after = event["number"]
            if len(found) < BACKLOG_MAX:
                return

    def _begin(self) -> None:
        if self.task is None or self.task.done():
            self.task = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        """For as long as anybody listens; a supervisor that restarts is found again."""
        while self.ears and not self.leaving.is_set():
            try:
                async for event in self.facts.follow():
                    if event and "number" not in event:
                        continue  # the journal could not keep it, so nobody could ask for it again
                    if event:
                        if self.last is not None and event["number"] > self.last + 1:
                            await self._catch_up()  # the supervisor's own ear had overflowed
                        self._hand(event)
                    else:  # the first word: from now on everything is heard
                        await self._catch_up()
                        self.hears.set()
                    if not self.ears:
                        break
            except Wrong:
                pass  # nobody there yet; asked again below
            self.hears.clear()
            if self.ears:
                await asyncio.sleep(AGAIN_SECONDS)
        self.kept.clear()
        self.last = None

    async def _catch_up(self) -> None:
        """What was missed while the supervisor was away, for those who listen still."""
        if self.last is not None:
            async for event in self._missed(self.last):
                self._hand(event)

    def _hand(self, event: Event) -> None:
        if self.last is not None and event["number"] <= self.last:
            return
        if self.kept and event["number"] != self.kept[-1]["number"] + 1:
            self.kept.clear()  # a gap: what is kept must be whole
        self.last = event["number"]
        self.kept.append(event)
        for ear in self.ears:
            if ear.full():
                _cut(ear)
            else:
                ear.put_nowait(event)

    def close(self) -> None:
        self.leaving.set()
        if self.task is not None:
            self.task.cancel()


def _cut(ear: asyncio.Queue[Event | None]) -> None:
    """Too slow: its stream ends, and its client takes it up again by its last id."""
    while not ear.empty():
        ear.get_nowait()
    ear.put_nowait(None)


async def _next(ear: asyncio.Queue[Event | None], leaving: asyncio.Event) -> Event | None:
    """The next event, None for the end; an empty one when there was none for a while."""
    if not ear.empty():
        return ear.get_nowait()
    hearing = asyncio.ensure_future(ear.get())
    going = asyncio.ensure_future(leaving.wait())
    done, _ = await asyncio.wait(
        {hearing, going}, timeout=BEAT_SECONDS, return_when=asyncio.FIRST_COMPLETED
    )
    going.cancel()
    if hearing in done:
        return hearing.result()
    hearing.cancel()
    return {}


def written(event: Event) -> bytes:
    data = json.dumps(event, ensure_ascii=False)
    return f"id: {event['number']}\nevent: org\ndata: {data}\n\n".encode("utf-8", "replace")
