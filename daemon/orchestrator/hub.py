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

    def fits(self, line: Line) -> bool:
        return self.kind in (None, line.kind) and self.candidate in (None, line.candidate)


@dataclass(frozen=True, slots=True)
class Line:
    """An event, written once for however many listen."""

    number: int
    kind: str
    candidate: str | None
    data: bytes

    @classmethod
    def of(cls, event: Event) -> Line:
        told = json.dumps(event, ensure_ascii=False)
        text = f"id: {event['number']}\nevent: org\ndata: {told}\n\n"
        data = text.encode("utf-8", "replace")
        return cls(event["number"], event["kind"], event["candidate"], data)


Ear = asyncio.Queue[Line | None]  # None: it is over, and to be taken up again by the last id


@dataclass
class Hub:
    """`leaving` while this process drains: streams end, and begin again at the next one."""

    facts: Facts
    leaving: bool = False
    kept: deque[Line] = field(default_factory=lambda: deque(maxlen=KEPT_MAX))
    ears: set[Ear] = field(default_factory=set)
    task: asyncio.Task[None] | None = None
    hears: asyncio.Event = field(default_factory=asyncio.Event)
    last: int | None = None

    async def stream(self, after: int | None, wanted: Filter) -> AsyncIterator[bytes]:
        """Server-sent events, each with its number as id; with `after`, first those since then.

        It ends when those cannot be had: whoever listens asks again with the last number it saw.
        """
        ear: Ear = asyncio.Queue(EAR_EVENTS_MAX)
        self.ears.add(ear)
        self._begin()
        try:
            await self._hearing()  # first listen, then look back: so nothing falls between
            yield b"retry: 1000\n\n"
            told = -1 if after is None else after
            async for line in self._since(after):
                told = line.number
                if wanted.fits(line):
                    yield line.data
            while not self.leaving:
                found = await _next(ear)
                if None in found:
                    return
                new = [line for line in found if line and line.number > told]
                told = new[-1].number if new else told
                said = b"".join(line.data for line in new if wanted.fits(line))
                if said or not found:
                    yield said or BEAT
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

    async def _since(self, after: int | None) -> AsyncIterator[Line]:
        """Raises Wrong when the supervisor is away."""
        if after is None:
            return
        if self.hears.is_set() and self.kept and self.kept[0].number <= after + 1:
            for line in list(self.kept):
                if line.number > after:
                    yield line
            return
        async for line in self._missed(after):
            yield line

    async def _missed(self, after: int) -> AsyncIterator[Line]:
        """Page by page, to the last there is: what begins after that is heard."""
        while True:
            asked = {"after": after, "limit": BACKLOG_MAX}
            found = (await self.facts.ask("events", asked))["events"]
            for event in found:
                yield Line.of(event)
                after = event["number"]
            if len(found) < BACKLOG_MAX:
                return

    def _begin(self) -> None:
        if self.task is None or self.task.done():
            self.task = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        """For as long as anybody listens; a supervisor that restarts is found again."""
        while self.ears and not self.leaving:
            try:
                async for event in self.facts.follow():
                    if event and "number" not in event:
                        continue  # the journal could not keep it, so nobody could ask for it again
                    if event:
                        if self.last is not None and event["number"] > self.last + 1:
                            await self._catch_up()  # the supervisor's own ear had overflowed
                        self._hand(Line.of(event))
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
            async for line in self._missed(self.last):
                self._hand(line)

    def _hand(self, line: Line) -> None:
        if self.last is not None and line.number <= self.last:
            return
        if self.kept and line.number != self.kept[-1].number + 1:
            self.kept.clear()  # a gap: what is kept must be whole
        self.last = line.number
        self.kept.append(line)
        for ear in self.ears:
            if ear.full():
                _cut(ear)
            else:
                ear.put_nowait(line)

    def leave(self) -> None:
        """End every stream."""
        self.leaving = True
        for ear in self.ears:
            _cut(ear)

    def stay(self) -> None:
        self.leaving = False

    def close(self) -> None:
        self.leave()
        if self.task is not None:
            self.task.cancel()


def _cut(ear: Ear) -> None:
    """Its stream ends, and its client takes it up again by its last id."""
    while not ear.empty():
        ear.get_nowait()
    ear.put_nowait(None)


async def _next(ear: Ear) -> list[Line | None]:
    """All that waits, after the first of it; nothing when there was none for a while."""
    try:
        async with asyncio.timeout(BEAT_SECONDS):
            found = [await ear.get()]
    except TimeoutError:
        return []
    while not ear.empty():
        found.append(ear.get_nowait())
    return found
