"""The door by which :7001 learns what the supervisor knows, and asks for what people want done.

Whoever serves :7001 is promoted model-written code, in a cell without network or home. It
speaks through a unix socket bound into that cell: a fixed list of questions, each bounded, and
a few acts. An act needs a person's token, which is checked here, against hashes that never
enter the cell; what a token may do cannot be widened by the code that passes it on. Approving
a change of protected paths needs a token made for that one candidate, which is good for once:
so even a token that was seen in passing opens nothing that the gates have not judged.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import structlog

from daemon.core.events import Kind
from daemon.state.tokens import Scope, Token
from daemon.supervisor.control import Answer, Verb
from daemon.supervisor.looks import Looks
from daemon.supervisor.token_verbs import tokens_of
from daemon.supervisor.workspaces import Workspaces
from daemon.supervisor.world import Event, World
from ops.doors import FACTS, also_as_before
from ops.errors import Exit, Refused, Trouble
from ops.sockets import bind_unix

REQUEST_BYTES_MAX = 2**20
REQUEST_SECONDS = 10.0
CONNECTIONS_MAX = 64
LOOKS_AT_ONCE = 2  # the supervisor's own work comes first
CHECKS_A_SECOND_MAX = 50
ACTS_AT_ONCE = 4
BACKLOG = 64
# What may be asked for with a token of scope `act`, and which arguments are passed on.
ACTS: dict[str, tuple[str, ...]] = {
    "promote": ("candidate",),
    "approve": ("candidate",),
    "reject": ("candidate", "reason"),
    "rollback": ("to",),
    "freeze": (),
    "unfreeze": (),
    "evolve": ("goal",),
    "goal.add": ("text",),
    "goal.remove": ("id",),
}
LOOKS = (
    "candidates", "states", "show", "diff", "evidence", "events", "gates", "releases",
    "promotions", "goals", "log", "teams", "spent", "measures",
)  # fmt: skip
log = structlog.get_logger()


class Denied(Refused):
    """It needs a token, and this one is none, or not for that."""

    def as_json(self) -> dict[str, object]:
        return super().as_json() | {"denied": True}


class Often(Refused):
    """Nothing is wrong with what was asked but that it was asked too often."""

    def as_json(self) -> dict[str, object]:
        return super().as_json() | {"often": True}


Look = Callable[[Mapping[str, Any]], Answer]


class Facts:
    """Serves one socket for as long as the supervisor lives."""

    def __init__(
        self, world: World, looks: Looks, verbs: Mapping[str, Verb], workspaces: Workspaces
    ) -> None:
        self._world = world
        self._verbs = verbs
        self._workspaces = workspaces
        self._looks: dict[str, Look] = {name: getattr(looks, name) for name in LOOKS}
        self._now = looks.now
        self._others: dict[str, Callable[[Mapping[str, Any], object], Awaitable[Answer]]] = {
            "now": self._tell_now,
            "token": self._token,
            "tool": self._tool,
            "workspaces": self._list_workspaces,
        }
        self._at_once = asyncio.Semaphore(LOOKS_AT_ONCE)
        self._acting = asyncio.Semaphore(ACTS_AT_ONCE)
        self._connections = 0
        self._checks: list[float] = []
        self._server: asyncio.Server | None = None

    async def open(self, directory: Path) -> None:
        """Listen beside the broker's door; only the cell of :7001 has this folder."""
        bound = bind_unix(directory / FACTS, 0o666)
        also_as_before(directory / FACTS)
        bound.listen(BACKLOG)
        bound.setblocking(False)
        self._server = await asyncio.start_unix_server(
            self._serve, sock=bound, limit=REQUEST_BYTES_MAX
        )

    def close(self) -> None:
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections += 1
        try:
            if self._connections > CONNECTIONS_MAX:
                await _say(writer, Often("too many questions at once", "", Exit.BUSY).as_json())
            else:
                await self._answer(reader, writer)
        except ConnectionError:
            pass  # whoever asked is gone
        finally:
            self._connections -= 1
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                request = json.loads(await reader.readline())
            verb, arguments = str(request["verb"]), dict(request.get("args") or {})
        except (ValueError, KeyError, TypeError, TimeoutError, RecursionError):
            await _say(writer, Refused("that is not a request").as_json())
            return
        if verb == "follow":
            await self._follow(reader, writer)
            return
        doing = asyncio.ensure_future(self._run(verb, arguments, request.get("token")))
        leaving = asyncio.ensure_future(reader.read(1))
        await asyncio.wait({doing, leaving}, return_when=asyncio.FIRST_COMPLETED)
        leaving.cancel()
        if doing.done():
            await _say(writer, doing.result())
        elif verb == "tool":
            doing.cancel()  # nobody waits for what it would say; acts go on to their end
            await asyncio.wait({doing})
        else:
            await doing

    async def _run(self, verb: str, arguments: Mapping[str, Any], secret: object) -> Answer:
        try:
            if verb in self._looks:
                async with self._at_once:
                    return {"ok": await asyncio.to_thread(self._looks[verb], arguments)}
            if verb in self._others:
                return {"ok": await self._others[verb](arguments, secret)}
            if verb in ACTS:
                return {"ok": await self._act(verb, arguments, secret)}
            return Refused(f"{verb} is not to be had here", "use orgctl").as_json()
        except Trouble as trouble:
            return trouble.as_json()
        except (ValueError, OSError, LookupError, TypeError, RuntimeError) as bug:
            log.exception("look failed", verb=verb)
            text = f"a bug: {type(bug).__name__} while answering {verb}"
            return Refused(text, "see: orgctl logs supervisor").as_json()

    # Looking

    async def _tell_now(self, arguments: Mapping[str, Any], _: object) -> Answer:
        return self._now(arguments)  # slots and promoter belong to this thread

    async def _follow(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Every event from now on, one a line, until either side is gone."""
        ear: asyncio.Queue[Event] = self._world.listen()
        leaving = asyncio.ensure_future(reader.read(1))
        try:
            await _say(writer, {"ok": {"following": True}})
            while not leaving.done():
                hearing = asyncio.ensure_future(ear.get())
                await asyncio.wait({hearing, leaving}, return_when=asyncio.FIRST_COMPLETED)
                if not hearing.done():
                    hearing.cancel()
                    return
                await _say(writer, {"event": hearing.result()})
        finally:
            leaving.cancel()
            self._world.deafen(ear)

    # Tokens

    def _checked(self, secret: object) -> Token | None:
        """At most so many a second, whoever asks: a guess must stay a guess."""
        now = self._world.clock()
        self._checks = [at for at in self._checks if now - 1.0 < at <= now]
        if len(self._checks) >= CHECKS_A_SECOND_MAX:
            raise Often("too many tokens were shown", "wait a second", Exit.BUSY)
        self._checks.append(now)
        return tokens_of(self._world).check(secret, now)

    async def _token(self, _: Mapping[str, Any], secret: object) -> Answer:
        token = self._checked(secret)
        return {"token": token.view() if token else None}

    def _allowed(self, scope: Scope, secret: object) -> Token:
        token = self._checked(secret)
        if token is None:
            raise Denied("that is no token", "make one with: orgctl token add")
        if scope not in token.scopes:
            hint = f"make one with: orgctl token add NAME --scope {scope}"
            raise Denied(f"the token {token.name} lacks the scope {scope}", hint)
        return token

    # Acting

    async def _act(self, verb: str, arguments: Mapping[str, Any], secret: object) -> Answer:
        token = self._allowed(Scope.ACT, secret)
        passed = {name: str(arguments[name]) for name in ACTS[verb] if arguments.get(name)}
        if verb == "approve" or token.approves is not None:
            self._spend(token, verb, passed)
        async with self._acting:
            target = passed.get("candidate") or passed.get("to") or passed.get("id") or ""
            text = f"{verb} {target}".strip() + f" was asked for on :7001 with token {token.name}"
            self._world.tell(Kind.NOTICE, passed.get("candidate"), text=text)
            return await asyncio.shield(asyncio.ensure_future(self._verbs[verb](passed)))

    def _spend(self, token: Token, verb: str, passed: Mapping[str, str]) -> None:
        """A token that approves is for one candidate and for once. Raises Refused."""
        candidate = passed.get("candidate", "").removeprefix("cand/")
        if verb != "approve" or token.approves is None or token.approves != candidate:
            hint = f"make one with: orgctl token add NAME --scope act --approves {candidate or '…'}"
            what = "approving needs a token made for this candidate"
            if token.approves is not None:
                what = f"the token {token.name} is for approving {token.approves} alone"
            raise Denied(what, hint)
        tokens_of(self._world).remove(token.name)

    # Tools

    async def _tool(self, arguments: Mapping[str, Any], secret: object) -> Answer:
        token = self._allowed(Scope.TOOLS, secret)
        return await self._workspaces.run(token.name, arguments)

    async def _list_workspaces(self, _: Mapping[str, Any], secret: object) -> Answer:
        token = self._allowed(Scope.TOOLS, secret)
        return {"workspaces": self._workspaces.names(token.name)}


async def _say(writer: asyncio.StreamWriter, message: Mapping[str, Any]) -> None:
    writer.write(json.dumps(message).encode() + b"\n")
    await writer.drain()
