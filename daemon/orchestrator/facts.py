"""Questions to the supervisor through its door: one a connection, answered or refused."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import nullcontext
from typing import Any

from daemon.orchestrator.bodies import Wrong

CONNECT_SECONDS = 3.0
ANSWER_SECONDS = 30.0
ACT_SECONDS = 900.0  # a promotion judges anew when main has moved
LINE_BYTES_MAX = 16 * 2**20
# More wait here: the door takes 64, and acts and tools, which it counts itself, need theirs.
QUICK_AT_ONCE = 24
ABSENT, BUSY, DOWN, JUDGED_NO = 4, 3, 5, 1
STATUS = {ABSENT: (404, "not_found"), BUSY: (409, "busy"), JUDGED_NO: (409, "refused")}
STATUS |= {DOWN: (503, "unavailable")}
MARKS = {  # what a refusal says of itself beside its code
    "denied": (403, "token_refused"),
    "often": (429, "rate_limit"),
    "reused": (422, "idempotency_key_reused"),
}
Answer = dict[str, Any]


class Facts:
    """`path` None: this process has no such door, as on :7002."""

    def __init__(self, path: str | None) -> None:
        self._path = path
        self._quick = asyncio.Semaphore(QUICK_AT_ONCE)

    @property
    def there(self) -> bool:
        return self._path is not None

    async def ask(
        self,
        verb: str,
        args: Mapping[str, object] | None = None,
        token: str | None = None,
        seconds: float = ANSWER_SECONDS,
    ) -> Answer:
        """Raises Wrong, with the status that tells a client what was the matter."""
        request = {"verb": verb, "args": dict(args or {}), "token": token}
        place = self._quick if seconds <= ANSWER_SECONDS else nullcontext()
        try:
            async with asyncio.timeout(seconds), place:
                return _answer(await self._asked(json.dumps(request).encode()))
        except (OSError, ValueError, TimeoutError) as error:
            raise Wrong("the supervisor does not answer", "unavailable", 503) from error

    async def _asked(self, request: bytes) -> Any:
        reader, writer = await self._connect()
        try:
            writer.write(request + b"\n")
            await writer.drain()
            return json.loads(await reader.readline())
        finally:
            writer.close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._path is None:
            raise Wrong("this process is not told what the instance does", "unavailable", 503)
        async with asyncio.timeout(CONNECT_SECONDS):
            return await asyncio.open_unix_connection(self._path, limit=LINE_BYTES_MAX)

    async def follow(self) -> AsyncIterator[Answer]:
        """Every event from now on. Ends when the supervisor goes; raises Wrong when it is gone."""
        try:
            reader, writer = await self._connect()
        except (OSError, TimeoutError) as error:
            raise Wrong("the supervisor does not answer", "unavailable", 503) from error
        try:
            writer.write(b'{"verb": "follow"}\n')
            await writer.drain()
            while line := await reader.readline():
                said = json.loads(line)
                yield said.get("event") or {}  # the first line says that it has begun
        except (OSError, ValueError):
            return
        finally:
            writer.close()


def _answer(said: Any) -> Answer:
    if "ok" in said:
        return dict(said["ok"])
    status, code = STATUS.get(said.get("code"), (400, "refused"))
    for mark in MARKS.keys() & said.keys():
        status, code = MARKS[mark]
    hint = f"; {said['hint']}" if said.get("hint") else ""
    raise Wrong(f"{said.get('error')}{hint}", code, status)
