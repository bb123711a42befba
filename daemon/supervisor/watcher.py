"""Looks at what serves :7001, again and again: from outside, as its callers see it.

What the process says of itself (requests, errors) can only speak against it; whether
it answers, as which commit and how fast, is seen from here.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from dataclasses import dataclass, field

import httpx
import psutil

from daemon.core.events import Kind
from daemon.core.probation import Sample
from daemon.supervisor.serving import Serving
from daemon.supervisor.slots import Slots
from daemon.supervisor.world import World
from ops.errors import Trouble

LOOK_EVERY_SECONDS = 5.0  # probation looks oftener
ANSWER_SECONDS = 5.0
NAP_SECONDS = 0.005
SAMPLES_KEPT = 600
SILENT_LOOKS_MAX = 3
FORMERS_KEPT = 3


@dataclass
class Watcher:
    """Samples by serving process, the newest last; one watcher an instance."""

    world: World
    slots: Slots
    records: dict[str, deque[Sample]] = field(default_factory=dict)

    def record(self, serving: Serving) -> deque[Sample]:
        """Its samples, growing while it serves."""
        if serving.key not in self.records:
            self.records[serving.key] = deque(maxlen=SAMPLES_KEPT)
            for key in list(self.records)[:-FORMERS_KEPT]:
                del self.records[key]
        return self.records[serving.key]

    async def watch(self) -> None:
        """For ever, whatever serves: a release's record begins before anybody asks for it."""
        while True:
            await asyncio.sleep(LOOK_EVERY_SECONDS)
            serving = self.slots.current
            if serving is None or not serving.alive:
                continue
            try:
                record = await self.look_at(serving)
            except (Trouble, OSError) as error:  # it is the look that failed, not what was seen
                self.world.tell(Kind.NOTICE, text=f"current could not be looked at: {error}")
                continue
            if _silent(record) and serving is self.slots.current and not self.slots.fallen(serving):
                self.world.tell(Kind.NOTICE, text="current gives no answer and is started again")
                record.clear()
                serving.child.kill()  # whoever waits for its end starts the next one

    async def look_at(self, serving: Serving) -> deque[Sample]:
        """Its record, with one look more."""
        record, alone = self.record(serving), not self.slots.switching
        sample = await self.look(serving)
        # While two accept, nobody knows whose answer it was.
        if alone and not self.slots.switching and serving is self.slots.current:
            record.append(sample)
        return record

    async def look_enough(self) -> None:
        """So often that what serves now can be compared with what comes after it."""
        serving, wanted = self.slots.current, self.world.settings.probation.limits.samples_min
        if serving is None or not serving.alive:
            return
        for _ in range(wanted - len(self.record(serving))):
            record = await self.look_at(serving)
            if not record or not record[-1].answered:
                return

    async def look(self, serving: Serving) -> Sample:
        """One request to :7001, as anybody would make it, and what the machine knows of it."""
        lag_ms = await _lag_ms()
        began = time.monotonic()
        try:
            answer = await self._get(self._health(serving))
        except httpx.HTTPError:
            return Sample(began, answered=False)
        wait_ms = (time.monotonic() - began) * 1000
        stats = await _stats(serving)
        rss, descriptors = await asyncio.to_thread(_usage, serving.pid)
        return Sample(
            began,
            answered=True,
            ready=answer.status_code == httpx.codes.OK and await self._ready(),
            commit=_commit(answer),
            wait_ms=wait_ms,
            lag_ms=lag_ms,
            requests=stats.get("requests", 0),
            errors=stats.get("errors", 0),
            rss_bytes=rss,
            descriptors=descriptors,
        )

    def _health(self, serving: Serving) -> str:
        if self.world.instance.kind == "org":
            return "/healthz"
        return self.world.repo_settings(serving.release.commit).serve.health

    async def _ready(self) -> bool:
        if self.world.instance.kind != "org":
            return True
        try:
            return (await self._get("/readyz")).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    async def _get(self, path: str) -> httpx.Response:
        host, port = self.slots.current_socket.getsockname()[:2]
        async with httpx.AsyncClient(timeout=ANSWER_SECONDS, trust_env=False) as client:
            return await client.get(f"http://{host}:{port}{path}")


def _silent(record: deque[Sample]) -> bool:
    last = list(record)[-SILENT_LOOKS_MAX:]
    return len(last) == SILENT_LOOKS_MAX and not any(sample.answered for sample in last)


async def _lag_ms() -> float:
    """How much later than asked this process is woken: what the machine's load costs anybody."""
    began = time.monotonic()
    await asyncio.sleep(NAP_SECONDS)
    return max(0.0, time.monotonic() - began - NAP_SECONDS) * 1000


async def _stats(serving: Serving) -> dict[str, int]:
    with contextlib.suppress(Trouble):  # whether it answers callers is what counts
        said = (await serving.ask("stats")).get("stats")
        if isinstance(said, dict):
            return {key: value for key, value in said.items() if type(value) is int}
    return {}


def _commit(answer: httpx.Response) -> str | None:
    """The commit it claims to be; None where health says nothing of the kind."""
    try:
        said = answer.json()
    except ValueError:
        return None
    found = said.get("commit") if isinstance(said, dict) else None
    return found if isinstance(found, str) else None


def _usage(pid: int) -> tuple[int, int]:
    """Resident bytes and open descriptors of the process and all it started."""
    rss = descriptors = 0
    with contextlib.suppress(psutil.Error):
        first = psutil.Process(pid)
        for process in (first, *first.children(recursive=True)):
            rss += process.memory_info().rss
            descriptors += process.num_fds()
    return rss, descriptors
