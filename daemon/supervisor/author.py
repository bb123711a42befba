"""Run one author in its cell, and turn what it leaves there into commits, step by step.

The author's copy is never trusted: only plain files are read out of it, by the importer.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from daemon.core import release as releases
from daemon.core.budget import Spent
from daemon.core.candidate import Candidate
from daemon.core.events import Kind
from daemon.core.goal import Budget, Goal, Protocol
from daemon.core.release import Release
from daemon.state import prices, projects
from daemon.supervisor.broker import Broker, Door, boot_argv, log_file
from daemon.supervisor.channel import Channel, Message
from daemon.supervisor.ideas import answer, heard, module_of
from daemon.supervisor.runnable import limits_of
from daemon.supervisor.starting import CONTROL_FD
from daemon.supervisor.wish import protocol_of, tests_of
from daemon.supervisor.world import World
from fitness.hidden import without_answers
from ops import doors
from ops.cell import SYSTEM_MOUNTS, Cell, Mount, Written, python_mounts
from ops.cell import start as start_cell
from ops.errors import Exit, Refused
from ops.files import remove_tree
from ops.goal_files import FOLDER
from ops.importer import Import, import_tree
from ops.masking import mask_at
from ops.namespaces import tools_of
from ops.processes import Child
from ops.records import RefChange
from ops.worktree import copy_for_author

INSIDE_WORKSPACE = Path("/workspace")
INSIDE_RECORDS = Path("/record")
STARTS_MAX = 3  # of one author, when it dies without a word
DISK_LOOK_SECONDS = 1.0
GRACE_SECONDS = 30.0  # beyond the author's own wall limit
COUNTED = ("prompt_tokens", "completion_tokens")
TELL = {
    "turn": Kind.AUTHOR_TURN,
    "call": Kind.AUTHOR_CALL,
    "result": Kind.AUTHOR_RESULT,
    "step": Kind.AUTHOR_STEP,
    "end": Kind.AUTHOR_ENDED,
}


@dataclass(frozen=True)
class Draft:
    """What an author left: `status` as it said, or `crashed` when it said nothing."""

    head: str
    status: str
    reason: str
    usage: Mapping[str, int]
    money: float | None = None  # None: nobody said what a model costs


@dataclass(frozen=True)
class Brief:
    """Everything one author is given."""

    candidate: Candidate
    goal: Goal
    program: Release
    model: str
    session: Path | None
    record: Path | None
    allowed: Budget = field(default_factory=Budget)
    before: Spent = field(default_factory=Spent)  # by the same draft, under an earlier supervisor
    strict: bool = True  # a replay answers only what was asked when it was recorded


class Author:
    """One run of one author."""

    def __init__(self, world: World, broker: Broker, brief: Brief) -> None:
        self._world = world
        self._broker = broker
        self._brief = brief
        self._workspace = world.layout.candidates / brief.candidate.id / "workspace"
        self._records = world.layout.candidates / brief.candidate.id / "record"
        self._imported: Import | None = None
        self._head = brief.candidate.start or brief.candidate.base
        self._channel: Channel | None = None

    async def tell(self, **words: Any) -> None:
        """Something for the agent at work: `tell`, `now`, `stop`. Raises Refused."""
        if self._channel is None:
            raise Refused("the author is not at work just now", "try again", Exit.ABSENT)
        await self._channel.send(words)

    async def run(self) -> Draft:
        """Raises Refused when what the author left may not be imported."""
        brief, world = self._brief, self._world
        door = await self._broker.open(
            brief.candidate.id,
            tokens_max=brief.allowed.tokens,
            money_max=brief.allowed.money,
            replay=str(brief.session) if brief.session else None,
            record=str(brief.record) if brief.record else None,
            model=brief.model,
            **prices.door(world.layout.home, world.settings, brief.model),
        )
        try:
            end = await self._work(door)
        finally:
            usage = await self._broker.close(brief.candidate.id)
        await self._import("the last step")
        return Draft(
            self._head,
            str(end.get("status", "crashed")),
            str(end.get("reason") or usage.get("unfit") or "the author ended without a word"),
            {name: int(usage.get(name) or 0) for name in COUNTED},
            usage.get("money"),
        )

    async def _begin(self) -> None:
        """A fresh copy and branch; or those of one that died, if a record tells how far it was."""
        history, candidate = self._world.history, self._brief.candidate
        known = history.find(candidate.ref)  # set last: with it the copy is whole
        if known is not None and self._protocol() is Protocol.REWRITE:
            history.move([RefChange(candidate.ref, None, known)])
            known = None
        self._head = known or candidate.start or candidate.base
        if known is None:
            await asyncio.to_thread(remove_tree, self._workspace)
            await asyncio.to_thread(copy_for_author, history, self._head, self._workspace)
        self._imported = await asyncio.to_thread(import_tree, history, self._workspace, None)
        if known is None:
            history.move([RefChange(candidate.ref, self._head, None)])

    def _prices(self) -> tuple[float, float] | None:
        found = prices.price_of(self._brief.model, self._world.layout.home, self._world.settings)
        return (found.input, found.output) if found else None

    def _protocol(self) -> Protocol:
        brief = self._brief
        known = brief.candidate.protocol or protocol_of(self._world, brief.goal, brief.model)
        return Protocol(known)

    def _wall(self) -> float:
        return self._brief.allowed.wall_seconds or self._world.settings.author.wall_seconds

    async def _work(self, door: Door) -> Message:
        """An author that dies without a word is started again, and goes on from its record."""
        self._records.mkdir(mode=0o700, parents=True, exist_ok=True)
        for _ in range(STARTS_MAX):
            await self._begin()
            end = await self._work_once(door)
            if end:
                return end
            self._world.tell(Kind.NOTICE, self._brief.candidate.id, text="the author ended early")
        return {}

    async def _work_once(self, door: Door) -> Message:
        channel, theirs = await Channel.pair()
        child = self._start(door, theirs.fileno())
        theirs.close()
        watching = asyncio.create_task(self._until_too_much(child))
        wall = self._wall() + GRACE_SECONDS
        try:
            await channel.send({"job": self._job(door)})
            self._channel = channel
            async with asyncio.timeout(wall):
                end = await self._follow(channel)
            return watching.result() if watching.done() else end
        except TimeoutError:
            return {"status": "time", "reason": f"the author was not done within {wall:g} s"}
        finally:
            watching.cancel()
            self._channel = None
            child.kill()
            channel.close()

    async def _until_too_much(self, child: Child) -> Message:
        """Ends the author when it fills the disk; gives what is then its end."""
        most = self._world.settings.cells.disk_bytes
        folders = (self._workspace, self._records)
        written = Written([Mount(one, one, writable=True) for one in folders], most)
        while not await asyncio.to_thread(written.too_much):
            await asyncio.sleep(DISK_LOOK_SECONDS)
        child.kill()
        return {"status": "limit", "reason": f"the author wrote more than {most // 2**20} MiB"}

    def _start(self, door: Door, control: int) -> Child:
        program = self._brief.program
        log = log_file(self._world, "author")
        cell = Cell(
            argv=tuple(boot_argv(program, "daemon.agent.author")),
            mounts=(
                *SYSTEM_MOUNTS,
                *python_mounts(program.python),
                *without_answers(
                    (
                        Mount(program.root, program.root),
                        Mount(self._workspace, INSIDE_WORKSPACE, writable=True),
                    ),
                    self._world.layout.run / "empty",
                    # They say how success is told; what is imported has them all the same.
                    (FOLDER,) if self._world.instance.kind == "repo" else (),
                ),
                Mount(door.directory, doors.INSIDE),
                Mount(self._records, INSIDE_RECORDS, writable=True),
            ),
            directory=str(INSIDE_WORKSPACE),
            environment={"ORG_BROKER": str(doors.INSIDE / doors.BROKER)},
            limits=limits_of(self._world.settings),
            fds={CONTROL_FD: control},
            backend=self._world.settings.cells.backend,
        )
        try:
            return start_cell(cell, log, log)
        finally:
            os.close(log)

    def _limits(self) -> dict[str, float | None]:
        """Of the whole run: one that goes on counts what its record tells."""
        allowed, before = self._brief.allowed, self._brief.before
        money = None if allowed.money is None else allowed.money + (before.money or 0.0)
        tokens = None if allowed.tokens is None else allowed.tokens + before.tokens
        return {"tokens_max": tokens or self._world.settings.author.tokens_max, "money_max": money}

    def _job(self, door: Door) -> dict[str, Any]:
        settings, model = self._world.settings.author, self._world.settings.model
        goal, candidate = self._brief.goal, self._brief.candidate
        module = module_of(self._world, goal, candidate.base)
        return {
            "goal": goal.text,
            "notes": candidate.told,
            "former": answer(self._world, candidate.former, module),
            "module": module,
            "protocol": str(self._protocol()),
            "model": self._brief.model,
            "steps_max": settings.steps_max,
            "rounds_max": settings.rounds_max,
            "tries": projects.find(self._world.journal, goal.id).tries,
            "wall_seconds": self._wall(),
            "record": str(INSIDE_RECORDS / "run.jsonl"),
            "loose": settings.loose,
            "rules": self._world.own_rules(),
            "tools": tools_of(self._world.layout, named) if (named := settings.namespace) else None,
            "tool_tokens_max": settings.tool_tokens_max,
            "small_tool_tokens_max": settings.small_tool_tokens_max,
            "web": bool(self._world.settings.fetch.allow),
            **self._limits(),
            "others": model.others,
            "context_tokens": door.context_tokens or model.context_tokens,
            "idle_seconds": self._world.settings.endpoint(self._brief.model).idle_seconds,
            "prices": self._prices() or (None, None),
            **tests_of(self._world, candidate.base),
        }

    async def _follow(self, channel: Channel) -> Message:
        """Tell what the author does; import after each step, then let it go on."""
        mask = mask_at(self._world.layout.state)  # notebook, commits and events outlive the run
        while (received := await channel.receive()) is not None:
            message: Message = mask.inside(received)
            event = str(message.get("event"))
            if event in TELL:
                kept = {k: v for k, v in message.items() if k not in ("event", "kind")}
                self._world.tell(TELL[event], self._brief.candidate.id, said=kept)
            if event == "turn":
                heard(self._world, self._brief.candidate, str(message.get("text", "")))
            if event == "step":
                await self._import(str(message.get("summary", "")))
                await channel.send({"ack": message.get("n")})
            if event == "end":
                return message
        return {}

    async def _import(self, summary: str) -> None:
        """One commit on the candidate's branch, if anything changed."""
        world, candidate = self._world, self._brief.candidate
        try:
            found = await asyncio.to_thread(
                import_tree, world.history, self._workspace, self._imported
            )
        except Refused as refusal:
            text = f"the author's tree was refused: {refusal.message}"
            raise Refused(text, refusal.hint, Exit.JUDGED_NO) from refusal
        self._imported = found
        if found.tree == world.history.tree(self._head):
            return
        text = releases.message(
            releases.one_line(summary) or "Change files", "", {releases.CANDIDATE: candidate.id}
        )
        head = world.history.commit(found.tree, [self._head], text, int(world.clock()))
        world.history.move([RefChange(candidate.ref, head, self._head)])
        self._head = head
