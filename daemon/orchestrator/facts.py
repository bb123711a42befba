"""Questions to the supervisor through its door: one a connection, answered or refused."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

from daemon.orchestrator.bodies import Wrong

CONNECT_SECONDS = 3.0
ANSWER_SECONDS = 30.0
ACT_SECONDS = 900.0  # a promotion judges anew when main has moved
LINE_BYTES_MAX = 16 * 2**20
ABSENT, BUSY, DOWN, JUDGED_NO = 4, 3, 5, 1
STATUS = {ABSENT: (404, "not_found"), BUSY: (409, "busy"), JUDGED_NO: (409, "refused")}
STATUS |= {DOWN: (503, "unavailable")}
Answer = dict[str, Any]


class Facts:
    """`path` None: this process has no such door, as on :7002."""

    def __init__(self, path: str | None) -> None:
        self._path = path

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
        try:
            reader, writer = await self._connect()
            try:
                request = {"verb": verb, "args": dict(args or {}), "token": token}
                writer.write(json.dumps(request).encode() + b"\n")
                await writer.drain()
                async with asyncio.timeout(seconds):
                    return _answer(json.loads(await reader.readline()))
            finally:
                writer.close()
        except (OSError, ValueError, TimeoutError) as error:
            raise Wrong("the supervisor does not answer", "unavailable", 503) from error

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
    if said.get("denied"):
        status, code = 403, "token_refused"
    hint = f"; {said['hint']}" if said.get("hint") else ""
    raise Wrong(f"{said.get('error')}{hint}", code, status)
