"""Tools for people on :7001: each call in a cell of its own, which sees one workspace and no more.

The one who asks names a workspace, a tool and arguments; what the cell may see, use and take is
decided here. The tools are those of the release that serves, run by its own code inside the cell.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from daemon.core.release import Release
from daemon.supervisor.broker import boot_argv
from daemon.supervisor.control import Answer
from daemon.supervisor.runnable import limits_of
from daemon.supervisor.world import World
from fitness.hidden import without_answers
from ops.cell import SYSTEM_MOUNTS, Cell, Mount, python_mounts
from ops.cell import start as start_cell
from ops.errors import Exit, Refused
from ops.processes import Child

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
KEY = re.compile(r"[\x21-\x7e]{1,200}")
INSIDE = Path("/workspace")
REQUEST_FD = 4
SECONDS_DEFAULT, SECONDS_MAX = 30.0, 300.0
OUTPUT_BYTES_MAX = 2**20
WORKSPACES_MAX = 100  # of one token
CALLS_AT_ONCE = 4
CALLS_WAITING_MAX = 32
REMEMBERED_MAX = 1000


class Reused(Refused):
    """The same key for another call."""

    def as_json(self) -> dict[str, object]:
        return super().as_json() | {"reused": True}


@dataclass(frozen=True)
class Wish:
    """One call, checked."""

    workspace: str
    tool: str
    arguments: Any
    seconds: float
    key: str | None

    def digest(self) -> str:
        text = json.dumps([self.workspace, self.tool, self.arguments], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass
class Workspaces:
    """Folders below state/workspaces, one a name and token; calls under way, and their answers."""

    world: World
    serving: Callable[[], Release | None]  # whose tools are run
    remembered: dict[tuple[str, str], tuple[str, asyncio.Future[Answer]]] = field(
        default_factory=dict
    )
    at_once: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(CALLS_AT_ONCE))
    waiting: int = 0

    def _root(self, owner: str) -> Path:
        return self.world.layout.state / "workspaces" / owner

    def names(self, owner: str) -> list[str]:
        root = self._root(owner)
        return sorted(path.name for path in root.iterdir()) if root.is_dir() else []

    async def run(self, owner: str, arguments: Mapping[str, Any]) -> Answer:
        """The tool's words. The same key again gives the same answer, and runs nothing."""
        wish = _wished(arguments)
        if wish.key is None:
            return await self._run(owner, wish)
        place, digest = (owner, wish.key), wish.digest()
        if place in self.remembered:
            before, answer = self.remembered[place]
            if before != digest:
                raise Reused("that idempotency key was used for another call", "use a new one")
            return await asyncio.shield(answer)
        # Whoever names a key may come again for the answer, so the call goes on without it.
        doing = asyncio.ensure_future(self._run(owner, wish))
        doing.add_done_callback(lambda done: self._forget_failed(place, done))
        self.remembered[place] = (digest, doing)
        while len(self.remembered) > REMEMBERED_MAX:
            self.remembered.pop(next(iter(self.remembered)))
        return await asyncio.shield(doing)

    def _forget_failed(self, place: tuple[str, str], done: asyncio.Future[Answer]) -> None:
        """It could not be run: it may be tried again."""
        if done.cancelled() or done.exception() is not None:
            self.remembered.pop(place, None)

    async def _run(self, owner: str, wish: Wish) -> Answer:
        if self.waiting >= CALLS_WAITING_MAX:
            raise Refused("too many tools are running", "try again later", Exit.BUSY)
        release = self.serving()
        if release is None:
            raise Refused("nothing serves, so there are no tools", "see: orgctl status", Exit.BUSY)
        self.waiting += 1
        try:
            async with self.at_once:
                return await self._in_cell(release, self._folder(owner, wish), wish)
        finally:
            self.waiting -= 1

    def _folder(self, owner: str, wish: Wish) -> Path:
        folder = self._root(owner) / wish.workspace
        if not folder.exists() and len(self.names(owner)) >= WORKSPACES_MAX:
            raise Refused(f"there are {WORKSPACES_MAX} workspaces already", "remove one")
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder

    async def _in_cell(self, release: Release, folder: Path, wish: Wish) -> Answer:
        asked = {"tool": wish.tool, "arguments": wish.arguments, "rules": self.world.own_rules()}
        request = os.memfd_create("request")
        out, out_inside = os.pipe()
        try:
            os.write(request, json.dumps(asked).encode())
            os.lseek(request, 0, os.SEEK_SET)
            child = start_cell(self._cell(release, folder, request), out_inside, None)
        except BaseException:
            os.close(out)
            raise
        finally:
            os.close(request)
            os.close(out_inside)
        return await _heard(child, out, wish.seconds)

    def _cell(self, release: Release, folder: Path, request: int) -> Cell:
        settings = self.world.settings
        return Cell(
            argv=tuple(boot_argv(release, "daemon.orchestrator.toolhost")),
            mounts=(
                *SYSTEM_MOUNTS,
                *python_mounts(release.python),
                *without_answers(
                    (Mount(release.root, release.root),), self.world.layout.run / "empty"
                ),
                Mount(folder, INSIDE, writable=True),
            ),
            directory=str(INSIDE),
            limits=replace(limits_of(settings), output_bytes=OUTPUT_BYTES_MAX),
            fds={REQUEST_FD: request},
            backend=settings.cells.backend,
        )


def _wished(arguments: Mapping[str, Any]) -> Wish:
    """Raises Refused on anything that makes no sense."""
    workspace, tool = arguments.get("workspace", "default"), arguments.get("tool")
    seconds, key = arguments.get("seconds", SECONDS_DEFAULT), arguments.get("key")
    if not isinstance(workspace, str) or not NAME.fullmatch(workspace):
        raise Refused("that is no name of a workspace", "use a-z, 0-9, _ and -")
    if not isinstance(tool, str) or not NAME.fullmatch(tool):
        raise Refused("that is no name of a tool", "")
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise Refused("the time limit must be a number of seconds", "")
    if not 0 < seconds <= SECONDS_MAX:
        raise Refused(f"the time limit must be at most {SECONDS_MAX:g} s", "")
    if key is not None and (not isinstance(key, str) or not KEY.fullmatch(key)):
        raise Refused("that is no idempotency key", "use up to 200 printable characters")
    return Wish(workspace, tool, arguments.get("arguments") or {}, float(seconds), key)


async def _heard(child: Child, out: int, seconds: float) -> Answer:
    """What the tool's program says, within its time; ended whole in any case."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=OUTPUT_BYTES_MAX)
    transport, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(out, "rb", 0)
    )
    try:
        async with asyncio.timeout(seconds):
            line = await reader.readline()
        answer = json.loads(line)
        return {"ok": bool(answer["ok"]), "text": str(answer["text"])}
    except TimeoutError:
        return {"ok": False, "text": f"stopped at its limit of {seconds:g} seconds"}
    except (ValueError, KeyError, TypeError):
        return {"ok": False, "text": "the tool ended without a word"}
    finally:
        with suppress(OSError):
            transport.close()
        await asyncio.to_thread(child.kill)
        child.close()
